/** Who hears of which topic, and what the node was told of that on this connection. No socket, no clock. */

import type { Hear, Said } from "./feed";

/** As many topics in one message as fit whatever they are called: the node takes 4 KiB. */
const TOPICS_AT_ONCE = 16;

export interface InterestChanges {
  /** Topics to unsubscribe, a message each. */
  leave: string[][];
  /** Topics to subscribe, a message each. */
  join: { topics: string[]; lines: number | undefined }[];
}

export class Interests {
  #heard = new Map<string, Set<Hear>>();
  #lines = new Map<string, number>();
  /** What the node sends on this connection, as far as it was told. */
  #told = new Set<string>();
  /** Topics of which a snapshot is wanted, also where they are told: somebody new hears them. */
  #anew = new Set<string>();
  /** Topics that were left, and the ping behind that: until its answer what comes of them is of the time before. */
  #leaving = new Map<string, number>();

  add(topic: string, hear: Hear, lines: number | undefined): () => void {
    const heard = this.#heard.get(topic) ?? new Set();
    heard.add(hear);
    this.#heard.set(topic, heard);
    if (lines !== undefined) this.#lines.set(topic, lines);
    this.#anew.add(topic);
    return () => {
      if (!heard.delete(hear) || heard.size) return;
      this.#heard.delete(topic);
      this.#lines.delete(topic);
      this.#anew.delete(topic);
    };
  }

  /** A new connection: the node knows of nothing. */
  begin(): void {
    this.#told.clear();
    this.#leaving.clear();
    this.#anew = new Set(this.#heard.keys());
  }

  /** What to tell the node, which is taken as told. `ping` is the number of the one that follows what is left. */
  changes(ping: number): InterestChanges {
    const leave = [...this.#told].filter((topic) => !this.#heard.has(topic));
    for (const topic of leave) {
      this.#told.delete(topic);
      this.#leaving.set(topic, ping);
    }
    const byLines = new Map<number | undefined, string[]>();
    for (const topic of this.#anew) {
      const lines = this.#lines.get(topic);
      byLines.set(lines, [...(byLines.get(lines) ?? []), topic]);
      this.#told.add(topic);
    }
    this.#anew.clear();
    return {
      leave: parts(leave),
      join: [...byLines].flatMap(([lines, all]) => parts(all).map((topics) => ({ topics, lines }))),
    };
  }

  /** The answer to a ping has come: what was left before it is left. */
  passed(ping: number): void {
    for (const [topic, behind] of this.#leaving) if (behind <= ping) this.#leaving.delete(topic);
  }

  /** Tell who hears of the message's topic. One that fails keeps nobody else from hearing. */
  hear(message: Said): void {
    if (!("topic" in message) || this.#leaving.has(message.topic)) return;
    if (message.type === "ended") this.#told.delete(message.topic);
    for (const hear of [...(this.#heard.get(message.topic) ?? [])]) {
      try {
        hear(message);
      } catch (thrown) {
        console.error(thrown);
      }
    }
  }
}

function parts(topics: string[]): string[][] {
  const found: string[][] = [];
  for (let at = 0; at < topics.length; at += TOPICS_AT_ONCE) found.push(topics.slice(at, at + TOPICS_AT_ONCE));
  return found;
}
