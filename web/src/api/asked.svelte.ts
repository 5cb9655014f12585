import { type ApiFailure, failureOf } from "./failure";

/**
 * An answer of the node with its states: nothing yet, there, failed, and there but failed since.
 * `ask` gets a signal that ends it when a newer question takes its place.
 */
export class Asked<T> {
  value = $state.raw<T | undefined>(undefined);
  failure = $state.raw<ApiFailure | undefined>(undefined);
  loading = $state(false);
  /** When `value` came, on this machine's clock (ms). */
  at = $state<number | undefined>(undefined);

  #ask: (signal: AbortSignal) => Promise<T>;
  #running: AbortController | undefined;

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
  }

  /** Ask again. What is shown stays until the new answer is there. */
  async reload(): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.loading = true;
    try {
      const value = await this.#ask(running.signal);
      if (running.signal.aborted) return;
      this.value = value;
      this.failure = undefined;
      this.at = Date.now();
    } catch (thrown) {
      if (running.signal.aborted) return;
      this.failure = failureOf(thrown);
    }
    this.loading = false;
  }

  /** Forget what was asked for: a question that still runs is dropped. */
  stop(): void {
    this.#running?.abort();
    this.loading = false;
  }
}

/** One request at a time that changes something: `busy` while it runs, `failure` until the next. */
export class Doing {
  busy = $state(false);
  failure = $state.raw<ApiFailure | undefined>(undefined);

  /** Run `work`; a second call while it runs does nothing. Returns what it answered, or `undefined` if it failed. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.busy) return undefined;
    this.busy = true;
    this.failure = undefined;
    try {
      return await work();
    } catch (thrown) {
      this.failure = failureOf(thrown);
      return undefined;
    } finally {
      this.busy = false;
    }
  }
}
