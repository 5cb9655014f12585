/** Which rig stands where on the wall. The places change when rigs come, go or are called otherwise, not with what they do. */

import { collationKey, compared } from "../../../format/collation";
import type { Rig } from "../../../live/live.svelte";

export const GROUPINGS = ["none", "tag", "algorithm"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  /** A tag or an algorithm; `null`: those that have none. `undefined`: what is beyond the most groups. */
  name: string | null | undefined;
  ids: string[];
}

/** Tags and algorithms are names that others chose: there may be thousands. */
export const MOST_GROUPS = 24;

export class Places {
  #algorithm = new Map<string, string>();

  /** Rigs in groups, groups and rigs in the order of their names; those without a name for their group come last. */
  groups(rows: ReadonlyMap<string, Rig>, by: Grouping): Group[] {
    for (const id of this.#algorithm.keys()) if (!rows.has(id)) this.#algorithm.delete(id);
    const groups = new Map<string | null, Rig[]>();
    for (const rig of rows.values()) {
      const name = this.groupOf(rig, by);
      const group = groups.get(name);
      if (group) group.push(rig);
      else groups.set(name, [rig]);
    }
    const named = [...groups.keys()].sort((a, b) => Number(a === null) - Number(b === null) || compared(a ?? "", b ?? ""));
    const found: Group[] = named.slice(0, MOST_GROUPS).map((name) => ({ name, ids: this.#sorted(groups.get(name) ?? []) }));
    const beyond = named.slice(MOST_GROUPS).flatMap((name) => groups.get(name) ?? []);
    if (beyond.length) found.push({ name: undefined, ids: this.#sorted(beyond) });
    return found;
  }

  /**
   * The group of a rig. A rig of several tags stands once, with the first of them. One that does not mine now stays
   * with the algorithm that it mined last.
   */
  groupOf(rig: Rig, by: Grouping): string | null {
    if (by === "tag") return rig.tags.reduce<string | null>((first, tag) => (first === null || compared(tag, first) < 0 ? tag : first), null);
    if (by === "none") return null;
    let most: string | null = null;
    for (const algorithm of Object.keys(rig.hashrate)) if (most === null || compared(algorithm, most) < 0) most = algorithm;
    if (most === null) return this.#algorithm.get(rig.id) ?? null;
    this.#algorithm.set(rig.id, most);
    return most;
  }

  #sorted(rigs: Rig[]): string[] {
    return rigs
      .map(({ id, name }) => ({ id, key: collationKey(name) }))
      .sort((a, b) => compared(a.key, b.key) || compared(a.id, b.id))
      .map(({ id }) => id);
  }
}
