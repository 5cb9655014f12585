/** A list that is asked for a page at a time, the newest first: `more` goes on after the last that is there. */

import { type ApiFailure, failureOf } from "../../api/failure";

export class Paged<T> {
  rows = $state.raw<readonly T[]>([]);
  failure = $state.raw<ApiFailure | undefined>(undefined);
  /** Whether the first page is asked for, or one more. */
  loading = $state<"first" | "more" | "">("");
  /** Whether there is an answer. */
  there = $state(false);
  /** Whether the last page was whole: there may be more. */
  hasMore = $state(false);

  #ask: (after: T | undefined, signal: AbortSignal) => Promise<readonly T[]>;
  #size: number;
  #running: AbortController | undefined;

  constructor(size: number, ask: (after: T | undefined, signal: AbortSignal) => Promise<readonly T[]>) {
    this.#size = size;
    this.#ask = ask;
  }

  /** Begin anew. What is shown stays until the new answer is there. */
  reload(): Promise<void> {
    return this.#load(undefined);
  }

  /** Add the next page. */
  more(): Promise<void> {
    const last = this.rows.at(-1);
    return this.loading || last === undefined ? Promise.resolve() : this.#load(last);
  }

  stop(): void {
    this.#running?.abort();
    this.loading = "";
  }

  async #load(after: T | undefined): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.loading = after === undefined ? "first" : "more";
    try {
      const rows = await this.#ask(after, running.signal);
      if (running.signal.aborted) return;
      this.rows = after === undefined ? rows : [...this.rows, ...rows];
      this.hasMore = rows.length >= this.#size;
      this.there = true;
      this.failure = undefined;
    } catch (thrown) {
      if (running.signal.aborted) return;
      this.failure = failureOf(thrown);
    }
    this.loading = "";
  }
}
