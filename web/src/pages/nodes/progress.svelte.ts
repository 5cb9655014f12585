/** What is done on many peers, one line for each: a job of the node's, or requests of this page one after the other. */

import { type Schemas, answerOf, api } from "../../api/requests";
import { ApiFailure, failureOf } from "../../api/failure";
import { live } from "../../live/live.svelte";

export type LineState = Schemas["JobPeerState"];

export interface Line {
  id: string;
  name: string;
  state: LineState;
  /** Why it failed, and what to try. */
  words: string;
  suggestion: string;
}

const LISTED = 200;
const LOOK_EVERY_MS = 700;
const AT_ONCE = 4;
const ENDED: ReadonlySet<LineState> = new Set<LineState>(["done", "failed", "skipped", "cancelled", "interrupted"]);

export class Progress {
  lines = $state.raw<readonly Line[]>([]);
  counts = $state.raw<Partial<Record<LineState, number>>>({});
  ended = $state(false);
  /** The job that does it. */
  job = $state("");

  constructor(
    /** "Stopping" */
    readonly deed: string,
    readonly total: number,
  ) {}

  get done(): number {
    return this.counts.done ?? 0;
  }

  get failed(): number {
    return (this.counts.failed ?? 0) + (this.counts.interrupted ?? 0) + (this.counts.skipped ?? 0);
  }

  get settled(): number {
    return Object.entries(this.counts).reduce((sum, [state, n]) => sum + (ENDED.has(state as LineState) ? n : 0), 0);
  }

  /** Follow a job to its end. */
  async follow(job: Schemas["JobView"]): Promise<void> {
    this.job = job.id;
    this.counts = job.counts;
    for (let state: string = job.state; ; ) {
      await this.#look();
      if (state !== "running") break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      const now = live.jobs.rows.get(job.id) ?? (await this.#ask(job.id));
      if (!now) continue;
      this.counts = now.counts;
      state = now.state;
    }
    this.ended = true;
  }

  async #ask(id: string): Promise<Schemas["JobView"] | undefined> {
    try {
      return (await answerOf(api.GET("/jobs/{id}", { params: { path: { id } } }))) as Schemas["JobView"];
    } catch (thrown) {
      if (failureOf(thrown).status === 404) return { id, state: "interrupted", counts: this.counts } as Schemas["JobView"];
      return undefined; // the node does not answer just now: the job goes on there
    }
  }

  async #look(): Promise<void> {
    try {
      const peers = await answerOf(api.GET("/jobs/{id}/peers", { params: { path: { id: this.job }, query: { limit: LISTED } } }));
      this.lines = peers.map((peer) => ({ id: peer.id, name: peer.name, state: peer.state, words: peer.error?.error ?? peer.step, suggestion: peer.error?.suggestion ?? "" }));
    } catch {
      // as above
    }
  }

  /** Do `work` for each, a few at once. One that fails keeps none of the others from it. */
  async each(rows: readonly { id: string; name: string }[], work: (id: string) => Promise<void>): Promise<void> {
    const lines: Line[] = rows.map(({ id, name }) => ({ id, name, state: "waiting", words: "", suggestion: "" }));
    const show = () => {
      this.lines = lines.slice(0, LISTED);
      const counts: Partial<Record<LineState, number>> = {};
      for (const line of lines) counts[line.state] = (counts[line.state] ?? 0) + 1;
      this.counts = counts;
    };
    let next = 0;
    const worker = async () => {
      for (let at = next++; at < lines.length; at = next++) {
        const line = lines[at] as Line;
        lines[at] = { ...line, state: "running" };
        show();
        try {
          await work(line.id);
          lines[at] = { ...line, state: "done" };
        } catch (thrown) {
          const failure: ApiFailure = failureOf(thrown);
          lines[at] = { ...line, state: "failed", words: failure.message, suggestion: failure.suggestion };
        }
        show();
      }
    };
    show();
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.ended = true;
  }
}
