/** The rows of the peers table: the rigs as the feed has them, and what only the list of peers knows. */

import { type Schemas, answerOf, api, replyOf } from "../../api/requests";
import { failureOf } from "../../api/failure";
import { parsed } from "../../format/times";
import { type Rig, live } from "../../live/live.svelte";
import type { Changes } from "../../live/table";
import type { Source } from "../../parts/table/rows.svelte";
import { toasts } from "../../parts/toasts.svelte";
import { nodes as t } from "../../texts";

export type Peer = Schemas["PeerView"];
/** A rig, or a peer that is none: `peer` says what is known of that. */
export type NodeRow = Rig & { peer?: Peer };

const PAGE = 500;
const MOST_PAGES = 20;
/** A fleet of this size is asked for again now and then; a larger one when the page is opened. */
const SMALL = 500;
const AGAIN_MS = 60_000;
const SHOWN_FOR_MS = 10_000;
const HEARD_WITHIN_MS = 3000;

export interface Ping {
  state: "busy" | "done" | "failed";
  rttMs: number;
  offsetMs: number;
}

/** A row for a peer that is no rig: nothing of it is measured. */
export function rowOf(peer: Peer): NodeRow {
  return {
    id: peer.id, name: peer.name, state: peer.connected ? "idle" : "offline", sinceMs: null, seenAtMs: parsed(peer.lastSeen), connected: peer.connected,
    role: peer.role, tags: peer.tags ?? [], address: peer.address, hashrate: {}, miners: 0, mining: 0, shares: 0, rejected: 0, temperatureC: null,
    powerW: null, pingMs: peer.pingMs, score: peer.score, problem: peer.connected ? "" : (peer.lastFailure?.reason ?? ""), problemCode: "", running: [],
    assigned: "", version: "", locked: false, schedule: "", ofBaseline: null, peer,
  };
}

export class Peers implements Source<NodeRow> {
  /** Peers that are no rigs, as the list has them. */
  #others = $state.raw<ReadonlyMap<string, NodeRow>>(new Map());
  /** How often they were listed. */
  #lists = $state(0);
  #pings = $state.raw<ReadonlyMap<string, Ping>>(new Map());
  #asked = $state(0);
  /** As `Source` has it. */
  done = $state(0);
  #stopped = false;

  /** Ask for the list once the rigs are known, and again when peers come or go. Returns how to end that. */
  start(): () => void {
    this.#stopped = false;
    let known: number | undefined;
    const look = (): void => {
      const { size } = live.fleet.rows;
      if (!live.fleet.complete || (size === known && (size > SMALL || Date.now() - this.#asked <= AGAIN_MS))) return;
      known = size;
      void this.reload();
    };
    const asking = setInterval(look, 2000);
    const first = live.fleet.listen(() => {
      if (known === undefined) look();
    });
    look();
    return () => {
      this.#stopped = true;
      clearInterval(asking);
      first();
    };
  }

  /** Ask for the peers that are no rigs. */
  async reload(): Promise<void> {
    this.#asked = Date.now();
    const others = new Map<string, NodeRow>();
    try {
      for await (const { peers, total } of this.#parts()) {
        for (const peer of peers) if (!live.fleet.rows.has(peer.id)) others.set(peer.id, rowOf(peer));
        // there are no more of them: thousands of rigs are not asked for, the feed has them
        if (others.size >= total - live.fleet.rows.size) break;
      }
    } catch {
      return; // the rigs are there all the same; the bar says that the node does not answer
    }
    this.#others = others;
    this.#lists += 1;
  }

  /**
   * The public keys of all peers.
   * @throws {ApiFailure} the node refused or failed, or did not answer.
   */
  async keys(): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    for await (const { peers } of this.#parts()) for (const peer of peers) keys.add(peer.publicKey);
    return keys;
  }

  /** All peers, a part at a time; controllers are in the first. */
  async *#parts(): AsyncGenerator<{ peers: readonly Peer[]; total: number }> {
    for (let at = 0; at < MOST_PAGES && !this.#stopped; at += 1) {
      const { data, headers } = await replyOf(api.GET("/peers", { params: { query: { limit: PAGE, offset: at * PAGE, sort: "role" } } }));
      const total = Number(headers.get("X-Total-Count") ?? 0);
      yield { peers: data, total };
      if ((at + 1) * PAGE >= total) return;
    }
  }

  get rows(): Source<NodeRow>["rows"] {
    const rigs = live.fleet.rows;
    const others = this.#others;
    if (!others.size) return rigs;
    return {
      get: (id) => rigs.get(id) ?? others.get(id),
      get size() {
        let size = rigs.size;
        for (const id of others.keys()) if (!rigs.has(id)) size += 1;
        return size;
      },
      values: () => both(rigs, others),
    };
  }

  get version(): number {
    void this.#others;
    return live.fleet.version + this.#asked;
  }

  listen(heard: (changes: Changes) => void): () => void {
    return live.fleet.listen(heard);
  }

  get members(): number {
    return live.fleet.members + this.#lists;
  }

  get complete(): boolean {
    return live.fleet.complete;
  }

  /** Peers were removed here: wait until the feed has heard of it, and show it. */
  async removed(ids: readonly string[]): Promise<void> {
    for (let left = HEARD_WITHIN_MS; left > 0 && ids.some((id) => live.fleet.rows.has(id)); left -= 100) await new Promise((resolve) => setTimeout(resolve, 100));
    await this.reload();
    this.done += 1;
  }

  /** When a peer was last seen (ms), `null` if never. A rig that was not there since the node began is offline since then. */
  lastSeen(row: NodeRow): number | null {
    return row.seenAtMs ?? (row.state === "offline" ? row.sinceMs : null);
  }

  ping(id: string): Ping | undefined {
    return this.#pings.get(id);
  }

  /** Measure a round trip now: it stands in the row for a while. */
  async measure(row: NodeRow): Promise<void> {
    if (this.ping(row.id)?.state === "busy") return;
    this.#note(row.id, { state: "busy", rttMs: 0, offsetMs: 0 });
    try {
      const answer = await answerOf(api.POST("/peers/{peer}/ping", { params: { path: { peer: row.id } } }));
      this.#note(row.id, { state: "done", rttMs: answer.rtt_ms, offsetMs: answer.clock_offset_ms });
    } catch (thrown) {
      this.#note(row.id, { state: "failed", rttMs: 0, offsetMs: 0 });
      toasts.failed(failureOf(thrown));
    }
    setTimeout(() => this.#note(row.id, undefined), SHOWN_FOR_MS);
  }

  #note(id: string, ping: Ping | undefined): void {
    const next = new Map(this.#pings);
    if (ping) next.set(id, ping);
    else next.delete(id);
    this.#pings = next;
  }
}

function* both(rigs: ReadonlyMap<string, Rig>, others: ReadonlyMap<string, NodeRow>): IterableIterator<NodeRow> {
  yield* rigs.values();
  for (const row of others.values()) if (!rigs.has(row.id)) yield row;
}

/** The word for how a peer is: that of its connection where it is no rig. */
export function peerWord(peer: Peer): string {
  return t.peerStates[peer.state] ?? peer.state;
}
