/** The node's clock, a second at a time: all times of the API are of it, and this machine's may be wrong. */
class Clock {
  /** Now, in Unix ms on the node's clock. */
  now = $state(Date.now());
  #ahead = 0;

  constructor() {
    setInterval(() => (this.now = Date.now() + this.#ahead), 1000);
  }

  set(nodeMs: number): void {
    this.#ahead = nodeMs - Date.now();
    this.now = nodeMs;
  }
}

export const clock = new Clock();
