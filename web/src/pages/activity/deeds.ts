/** The audit journal's entries as people read them: what was asked together with how it ended. Pure. */

import type { Schemas } from "../../api/requests";

export type Entry = Schemas["AuditEntryView"];

export interface Deed {
  /** What asked, what was noted, or an end of which the beginning is not there. */
  entry: Entry;
  /** How it ended, where that is known. */
  ended: Entry | undefined;
}

/** How a deed stands: `done`, a code, or `asked` (no end is known). */
export function resultOf({ entry, ended }: Deed): { result: "done" | "asked" | "code" | "noted" | "lost"; code: string } {
  if (entry.kind === "lost") return { result: "lost", code: "" };
  const last = entry.kind === "asked" ? ended : entry;
  if (!last) return { result: "asked", code: "" };
  if (last.code) return { result: "code", code: last.code };
  return { result: entry.kind === "noted" ? "noted" : "done", code: "" };
}

/** Deeds of `entries` (the newest first). An end whose beginning may be on the next page (`hasMore`) waits for it. */
export function deedsOf(entries: readonly Entry[], hasMore: boolean): Deed[] {
  const asked = new Set(entries.filter(({ kind }) => kind !== "ended").map(({ seq }) => seq));
  const ends = new Map<number, Entry>();
  for (const entry of entries) if (entry.kind === "ended") ends.set(entry.of, entry);
  const oldest = entries.at(-1)?.seq ?? 0;
  const deeds: Deed[] = [];
  for (const entry of entries) {
    if (entry.kind !== "ended") deeds.push({ entry, ended: ends.get(entry.seq) });
    else if (!asked.has(entry.of) && !(hasMore && entry.of < oldest)) deeds.push({ entry, ended: undefined });
  }
  return deeds;
}

/** JSON of an entry in lines, or as it stands where it is none. */
export function formatted(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** What a target names, in a line; `nameOf` knows the names of IDs. */
export function targetWords(target: string, nameOf: (id: string) => string | undefined = () => undefined): string {
  try {
    const value: unknown = JSON.parse(target);
    if (typeof value !== "object" || value === null) return target;
    return Object.values(value).map((each) => nameOf(String(each)) ?? String(each)).join(", ");
  } catch {
    return target;
  }
}
