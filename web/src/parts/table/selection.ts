/** Which rows are chosen. Sets are replaced, never edited. */

/** With `id` put in or taken out. */
export function toggled(selected: ReadonlySet<string>, id: string): Set<string> {
  const next = new Set(selected);
  if (!next.delete(id)) next.add(id);
  return next;
}

/** With all rows from `from` to `to` (either way) as `on` says. */
export function ranged(selected: ReadonlySet<string>, order: readonly string[], from: number, to: number, on: boolean): Set<string> {
  const next = new Set(selected);
  for (const id of order.slice(Math.min(from, to), Math.max(from, to) + 1)) {
    if (on) next.add(id);
    else next.delete(id);
  }
  return next;
}

/** How many of `order` are chosen: all, some or none of them. */
export function extent(selected: ReadonlySet<string>, order: readonly string[]): "all" | "some" | "none" {
  if (!selected.size) return "none";
  let chosen = 0;
  for (const id of order) if (selected.has(id)) chosen += 1;
  return chosen === 0 ? "none" : chosen === order.length ? "all" : "some";
}
