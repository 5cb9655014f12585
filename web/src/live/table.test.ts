import { describe, expect, it } from "vitest";
import type { Said } from "./feed";
import { Table } from "./table";

interface Row {
  id: string;
  name: string;
  n: number;
  tags: readonly string[];
}
const FRESH = { name: "", n: 0, tags: [] };
type Patch = { id: string } & Partial<Row>;

const snapshot = (part: number, more: boolean, rows: Patch[]): Said => ({ type: "snapshot", topic: "fleet", part, more, rows, seq: 0 }) as unknown as Said;
const delta = (changed: Patch[], removed: string[] = []): Said => ({ type: "delta", topic: "fleet", changed, removed, seq: 0 }) as unknown as Said;
const table = (): Table<Row> => new Table<Row>(FRESH);
const rowsOf = (of: Table<Row>): Row[] => [...of.rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));

describe("a table", () => {
  it("puts what is left out of a snapshot to its default", () => {
    const one = table();
    expect(one.apply(snapshot(0, false, [{ id: "a", name: "alpha" }]))).toBe("all");
    expect(rowsOf(one)).toEqual([{ id: "a", name: "alpha", n: 0, tags: [] }]);
    expect(one.complete).toBe(true);
  });

  it("says that rows came or went, and not that they changed", () => {
    const one = table();
    const members = [one.members];
    for (const message of [snapshot(0, false, [{ id: "a" }, { id: "b" }]), delta([{ id: "a", n: 2 }]), delta([{ id: "c" }], ["a"]), delta([], ["nobody"])]) {
      one.apply(message);
      members.push(one.members);
    }
    expect(members.map((now, at) => now !== members[at - 1])).toEqual([true, true, false, true, false]);
  });

  it("says of each row of a snapshot, whole, that it came", () => {
    const came: Row[] = [];
    const one = new Table<Row>(FRESH, (row) => came.push(row));
    one.apply(snapshot(0, true, [{ id: "a", name: "alpha" }]));
    one.apply(snapshot(1, false, [{ id: "b" }]));
    expect(came).toEqual([{ id: "a", name: "alpha", n: 0, tags: [] }, { id: "b", name: "", n: 0, tags: [] }]);
    expect(one.rows.get("a")).toBe(came[0]);
  });

  it("replaces a row that changes, and never edits it", () => {
    const one = table();
    one.apply(snapshot(0, false, [{ id: "a", n: 1 }]));
    const kept = one.rows.get("a");
    expect(one.apply(delta([{ id: "a", n: 2 }]))).toEqual(new Set(["a"]));
    expect([kept?.n, one.rows.get("a")?.n]).toEqual([1, 2]);
  });

  it("forgets what a row was when it is removed and comes again", () => {
    const one = table();
    one.apply(snapshot(0, false, [{ id: "a", name: "alpha", n: 5 }]));
    one.apply(delta([], ["a"]));
    expect(one.rows.has("a")).toBe(false);
    one.apply(delta([{ id: "a", name: "again", n: 0, tags: [] }]));
    expect(rowsOf(one)).toEqual([{ id: "a", name: "again", n: 0, tags: [] }]);
  });

  it("says nothing of a removal of what it never had", () => {
    expect(table().apply(delta([], ["x"]))).toBeUndefined();
  });

  it("shows the first part of the first snapshot at once, with what changes in it", () => {
    const one = table();
    expect(one.apply(snapshot(0, true, [{ id: "a", n: 1 }]))).toBe("all");
    expect(one.complete).toBe(false);
    expect(one.apply(delta([{ id: "a", n: 2 }]))).toEqual(new Set(["a"]));
    expect(one.rows.get("a")?.n).toBe(2);
    expect(one.apply(snapshot(1, false, [{ id: "b" }]))).toBe("all");
    expect([...one.rows.keys()]).toEqual(["a", "b"]);
  });

  it("keeps showing what was there until a later snapshot is whole", () => {
    const one = table();
    one.apply(snapshot(0, false, [{ id: "a" }, { id: "b" }]));
    expect(one.apply(snapshot(0, true, [{ id: "b", n: 1 }]))).toBeUndefined();
    expect(one.apply(delta([{ id: "b", n: 2 }], ["a"]))).toBeUndefined();
    expect([...one.rows.keys()]).toEqual(["a", "b"]);
    expect(one.apply(snapshot(1, false, []))).toBe("all");
    expect(rowsOf(one)).toEqual([{ id: "b", name: "", n: 2, tags: [] }]);
  });

  it("takes the row of a coming part for the newer one", () => {
    const one = table();
    one.apply(snapshot(0, true, []));
    one.apply(delta([{ id: "a", n: 1 }]));
    one.apply(snapshot(1, false, [{ id: "a", name: "alpha", n: 1 }]));
    expect(one.rows.get("a")).toEqual({ id: "a", name: "alpha", n: 1, tags: [] });
  });

  it("has a row once that comes in two parts, as the later one says it", () => {
    const one = table();
    one.apply(snapshot(0, true, [{ id: "a", n: 1 }, { id: "b" }]));
    one.apply(delta([{ id: "b", n: 4 }]));
    one.apply(snapshot(1, false, [{ id: "c" }, { id: "a", n: 2 }]));
    expect(rowsOf(one).map(({ id, n }) => [id, n])).toEqual([["a", 2], ["b", 4], ["c", 0]]);
  });

  it("takes nothing of a snapshot of which it missed the beginning", () => {
    const one = table();
    expect(one.apply(snapshot(3, false, [{ id: "a" }]))).toBeUndefined();
    expect(one.complete).toBe(false);
  });

  it("begins anew with part 0, wherever the one before was cut off", () => {
    const one = table();
    one.apply(snapshot(0, true, [{ id: "old" }]));
    one.apply(snapshot(0, false, [{ id: "new" }]));
    expect([...one.rows.keys()]).toEqual(["new"]);
  });
});

/** Numbers that look random and are the same each time (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES = ["name", "n", "tags"] as const;
const ALL = new Set<string>(NAMES);

/**
 * A node's table with one reader, as `api/live/tables.py` has it: a snapshot in parts, then the fields that the reader
 * missed with their values of the moment. `eager`: deltas come between the parts of a snapshot, too.
 */
class Node {
  rows = new Map<string, Row>();
  #missed = new Map<string, Set<string> | "removed">();
  #ids: string[] | undefined;
  #part = 0;

  constructor(
    private readonly random: (below: number) => number,
    private readonly eager: boolean,
  ) {
    this.restart();
  }

  restart(): void {
    this.#missed.clear();
    this.#ids = [...this.rows.keys()];
    this.#part = 0;
  }

  change(): void {
    const id = `rig-${this.random(12)}`;
    const before = this.rows.get(id);
    if (before && this.random(4) === 0) {
      this.rows.delete(id);
      this.#missed.set(id, "removed");
      return;
    }
    const after: Row = { ...(before ?? { id, name: "", n: 0, tags: [] }) };
    // often back to its default, which a snapshot leaves out and a delta does not
    if (this.random(2)) after.n = this.random(3);
    if (this.random(3) === 0) after.name = ["", "alpha", "<b>"][this.random(3)] ?? "";
    if (this.random(3) === 0) after.tags = this.random(2) ? ["cellar"] : [];
    this.rows.set(id, after);
    const missed = this.#missed.get(id);
    if (!before) this.#missed.set(id, ALL);
    else if (missed === "removed") this.#missed.set(id, ALL);
    else this.#missed.set(id, new Set([...(missed ?? []), ...NAMES.filter((name) => before[name] !== after[name])]));
  }

  /** The next message for the reader, if there is one. */
  pull(): Said | undefined {
    if (this.#ids && !(this.eager && this.#part && this.#missed.size && this.random(2))) {
      const ids = this.#ids.splice(0, 1 + this.random(4));
      const more = this.#ids.length > 0;
      const rows = ids.flatMap((id) => this.rows.get(id) ?? []).map(withoutDefaults);
      const said = snapshot(this.#part, more, rows);
      this.#part += 1;
      if (!more) this.#ids = undefined;
      return said;
    }
    if (!this.#missed.size) return undefined;
    const changed: Patch[] = [];
    const removed: string[] = [];
    for (const [id, fields] of [...this.#missed].slice(0, 1 + this.random(5))) {
      this.#missed.delete(id);
      const row = this.rows.get(id);
      if (!row || fields === "removed") removed.push(id);
      else changed.push({ id, ...Object.fromEntries([...fields].map((name) => [name, row[name as keyof Row]])) });
    }
    return delta(changed, removed);
  }
}

function withoutDefaults(row: Row): Patch {
  return { id: row.id, ...(row.name ? { name: row.name } : {}), ...(row.n ? { n: row.n } : {}), ...(row.tags.length ? { tags: row.tags } : {}) };
}

describe("whatever happens in whatever order", () => {
  it.each([[false], [true]])("a table is what the node has once all is said (deltas between parts: %s)", (eager) => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = numbers(seed);
      const node = new Node(random, eager);
      const one = table();
      const seen = new Map<string, Row>();
      for (let step = 0; step < 120; step += 1) {
        const what = random(20);
        if (what === 0) {
          node.restart(); // the connection was lost, or a snapshot asked for; what was under way is lost too
        } else if (what < 9) {
          node.change();
        } else {
          const said = node.pull();
          if (said) track(seen, one, one.apply(said));
        }
      }
      for (let said = node.pull(); said; said = node.pull()) track(seen, one, one.apply(said));
      const wanted = [...node.rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      expect(rowsOf(one), `seed ${seed}`).toEqual(wanted);
      expect(one.complete).toBe(true);
      // who draws by itself only ever looks at what it was told of
      expect([...seen.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), `seed ${seed}`).toEqual(wanted);
    }
  });
});

/** Follow a table by what it says has changed. */
function track(seen: Map<string, Row>, of: Table<Row>, changes: ReadonlySet<string> | "all" | undefined): void {
  if (changes === undefined) return;
  if (changes === "all") {
    seen.clear();
    for (const [id, row] of of.rows) seen.set(id, row);
    return;
  }
  for (const id of changes) {
    const row = of.rows.get(id);
    if (row) seen.set(id, row);
    else seen.delete(id);
  }
}
