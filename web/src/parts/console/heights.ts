/** Where the rows of a long list are: guessed until they were seen, then known. */

export class Heights {
  #known = new Map<number, number>();
  #tops: Float64Array = new Float64Array(1);

  /** Lay out rows with these ids; `guess` is the height of one that was not seen. */
  lay(ids: readonly number[], guess: (at: number) => number): void {
    const tops = new Float64Array(ids.length + 1);
    for (let at = 0; at < ids.length; at += 1) tops[at + 1] = (tops[at] ?? 0) + (this.#known.get(ids[at] ?? 0) ?? guess(at));
    this.#tops = tops;
  }

  get total(): number {
    return this.#tops.at(-1) ?? 0;
  }

  top(at: number): number {
    return this.#tops[Math.max(0, Math.min(at, this.#tops.length - 1))] ?? 0;
  }

  /** The row at `y`. */
  at(y: number): number {
    let [low, high] = [0, Math.max(0, this.#tops.length - 2)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#tops[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A row was seen; `true` if it is of another height than thought. One without height is not laid out: nothing is known of it. */
  saw(id: number, at: number, height: number): boolean {
    if (height <= 0 || Math.abs(this.top(at + 1) - this.top(at) - height) < 0.5) return false;
    this.#known.set(id, height);
    return true;
  }

  /** Everything is of another height now: the width is another, or how lines are wrapped. */
  forget(): void {
    this.#known.clear();
  }
}
