/**
 * The first of each that `keyOf` calls the same. A rig may name two things alike, and a list by key would fail of it: it
 * costs its own page a line, never the page.
 */
export function distinct<T>(list: readonly T[], keyOf: (of: T) => string | number): T[] {
  const seen = new Set<string | number>();
  return list.filter((each) => {
    const key = keyOf(each);
    return !seen.has(key) && seen.add(key);
  });
}
