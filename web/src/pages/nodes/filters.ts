/** What the peers table is filtered by, as it stands in the address. */

import type { NodeRow } from "./peers.svelte";

export const FILTERS = ["state", "tag", "algorithm", "role"] as const;
export type FilterName = (typeof FILTERS)[number];
export type Filters = Record<FilterName, string>;

export function filtersOf(query: URLSearchParams): Filters {
  const of = (name: FilterName) => query.get(name) ?? "";
  return { state: of("state"), tag: of("tag"), algorithm: of("algorithm"), role: of("role") };
}

export function filterCount(filters: Filters): number {
  return FILTERS.filter((name) => filters[name]).length;
}

/** Whether a row is let through; `undefined` where all are. */
export function letThrough(filters: Filters): ((row: NodeRow) => boolean) | undefined {
  const { state, tag, algorithm, role } = filters;
  if (!filterCount(filters)) return undefined;
  return (row) =>
    (!state || row.state === state) &&
    (!tag || row.tags.includes(tag)) &&
    (!algorithm || Object.hasOwn(row.hashrate, algorithm)) &&
    (!role || row.role === role);
}
