import type { Totals } from "../live/live.svelte";

type Counted = Pick<Totals, "hashing" | "hashrate" | "efficiency">;

/** With so many rigs more, and with so many times as many, an algorithm comes before one that stood before it. */
const MORE = 2;
const TIMES = 1.2;

/**
 * Names of algorithms in the order in which they matter: what most rigs hash first, then by name. What one rig makes up
 * never stands before what many mine. Lines do not swap under who reads them: the order stays as it was until one is
 * clearly behind another that it stands before; what is new comes in at its place.
 */
export class AlgorithmOrder {
  #before: readonly string[] = [];

  of({ hashing, hashrate, efficiency }: Counted): readonly string[] {
    const rigs = new Map(Object.entries(hashing));
    const of = (name: string): number => rigs.get(name) ?? 0;
    const by = (one: string, other: string): number => of(other) - of(one) || (one < other ? -1 : 1);
    const names = new Set([...Object.keys(hashrate), ...Object.keys(efficiency)]);
    const stays = this.#before.filter((name) => names.has(name));
    const known = new Set(stays);
    for (const name of [...names].sort(by)) {
      if (known.has(name)) continue;
      const at = stays.findIndex((other) => by(name, other) < 0);
      stays.splice(at < 0 ? stays.length : at, 0, name);
    }
    return (this.#before = isClear(stays.map(of)) ? stays : stays.sort(by));
  }
}

/** Whether none of these counts is clearly more than one that stands before it. */
function isClear(counts: readonly number[]): boolean {
  let least = Infinity;
  for (const count of counts) {
    if (count >= least + MORE && count >= least * TIMES) return false;
    least = Math.min(least, count);
  }
  return true;
}

/** The same wherever it is shown. */
export const algorithms = new AlgorithmOrder();
