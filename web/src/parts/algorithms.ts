import type { Totals } from "../live/live.svelte";

/**
 * Names of algorithms in the order in which they matter: what most rigs hash first, then by name. What one rig makes up
 * never stands before what many mine.
 */
export function byRigs(names: readonly string[], totals: Totals): string[] {
  const rigs = new Map(Object.entries(totals.hashing));
  const of = (name: string): number => rigs.get(name) ?? 0;
  return [...names].sort((one, other) => of(other) - of(one) || (one < other ? -1 : 1));
}
