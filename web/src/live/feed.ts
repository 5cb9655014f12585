/** The node's live feed (docs/live.md) over one WebSocket: topics by interest, and back by itself when it breaks. */

import type { Schemas } from "../api/client";

export type Said = Schemas["LiveSaid"];
export type Hello = Schemas["LiveHello"];
export type About<Topic> = Extract<Said, { topic: Topic }>;
export type Hear = (message: Said) => void;

/** `lost`: it was live, and is being tried again. `refused`: the node cut it for a reason that trying again does not mend. */
export type Connection = "connecting" | "live" | "lost" | "refused";

export interface FeedEvents {
  /** The connection is another than before. */
  connection(now: Connection): void;
  /** The node's clock, in Unix ms, as it was a moment ago. */
  nodeTime(nowMs: number): void;
  hello(hello: Hello): void;
  /** It ended or could not be opened: who asks may not be known any more. */
  ended(): void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8000;
const PING_EVERY_MS = 15_000;
const SILENT_AFTER_MS = 25_000;
const POLICY_VIOLATION = 1008;

export class Feed {
  #socket: WebSocket | undefined;
  #heard = new Map<string, Set<Hear>>();
  #lines = new Map<string, number>();
  /** How many answers to `unsubscribe` are under way: they are not the end of a topic that is followed again. */
  #leaving = new Map<string, number>();
  #wanted = new Set<string>();
  #dropped = new Set<string>();
  #telling = false;
  #seq = 0;
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #closed = true;
  #said: Connection = "connecting";

  constructor(
    private readonly url: string,
    private readonly events: FeedEvents,
  ) {}

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#attempt = 0;
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** Try now: the machine is back online, or somebody looks at the page again. */
  nudge(): void {
    if (this.#closed) return;
    if (this.#socket) {
      this.#send({ op: "ping" });
    } else {
      clearTimeout(this.#retry);
      this.#connect();
    }
  }

  /**
   * Hear of `topic` until the returned function is called: a snapshot first, and again whenever the connection was lost.
   * `lines`: how many of a log's last lines come first (at most 500).
   */
  follow(topic: string, hear: Hear, lines?: number): () => void {
    const heard = this.#heard.get(topic) ?? new Set();
    heard.add(hear);
    this.#heard.set(topic, heard);
    if (lines !== undefined) this.#lines.set(topic, lines);
    this.#dropped.delete(topic);
    this.#wanted.add(topic);
    this.#tellSoon();
    return () => {
      if (!heard.delete(hear) || heard.size) return;
      this.#heard.delete(topic);
      this.#lines.delete(topic);
      if (!this.#wanted.delete(topic)) this.#dropped.add(topic);
      this.#tellSoon();
    };
  }

  #connect(): void {
    this.#state(this.#attempt ? "lost" : "connecting");
    const socket = (this.#socket = new WebSocket(this.url));
    this.#seq = 0;
    this.#heardAt = Date.now();
    socket.onopen = () => {
      this.#leaving.clear();
      this.#dropped.clear();
      this.#wanted = new Set(this.#heard.keys());
      this.#tell();
    };
    socket.onmessage = (event: MessageEvent<string>) => this.#take(JSON.parse(event.data) as Said);
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code === POLICY_VIOLATION);
    };
    clearInterval(this.#pulse);
    this.#pulse = setInterval(() => this.#beat(), PING_EVERY_MS);
  }

  #take(message: Said): void {
    this.#heardAt = Date.now();
    if (this.#seq && message.seq !== this.#seq + 1) {
      this.#lost(false); // a message is missing: everything anew
      return;
    }
    this.#seq = message.seq;
    if (message.type === "hello") {
      this.#attempt = 0;
      this.events.nodeTime(message.nowMs);
      this.events.hello(message);
      this.#state("live");
    } else if (message.type === "pong") {
      this.events.nodeTime(message.nowMs);
    } else if (message.type === "ended" && this.#leaving.get(message.topic)) {
      this.#leaving.set(message.topic, (this.#leaving.get(message.topic) ?? 1) - 1);
    } else if ("topic" in message) {
      for (const hear of [...(this.#heard.get(message.topic) ?? [])]) hear(message);
    }
  }

  #beat(): void {
    if (Date.now() - this.#heardAt > SILENT_AFTER_MS) this.#lost(false);
    else this.#send({ op: "ping" });
  }

  #lost(refused: boolean): void {
    this.#drop();
    if (this.#closed) return;
    this.events.ended();
    this.#state(refused ? "refused" : "lost");
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearInterval(this.#pulse);
    if (socket) {
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
    }
  }

  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  /** Tell the node what is followed from now on, and what not any more. */
  #tell(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const dropped = [...this.#dropped];
    for (const topic of dropped) this.#leaving.set(topic, (this.#leaving.get(topic) ?? 0) + 1);
    if (dropped.length) this.#send({ op: "unsubscribe", topics: dropped });
    const byLines = new Map<number | undefined, string[]>();
    for (const topic of this.#wanted) {
      const lines = this.#lines.get(topic);
      byLines.set(lines, [...(byLines.get(lines) ?? []), topic]);
    }
    for (const [lines, topics] of byLines) this.#send({ op: "subscribe", topics, ...(lines === undefined ? {} : { lines }) });
    this.#wanted.clear();
    this.#dropped.clear();
  }

  #send(heard: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(heard));
  }

  #state(now: Connection): void {
    if (now === this.#said) return;
    this.#said = now;
    this.events.connection(now);
  }
}
