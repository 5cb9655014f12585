import { describe, expect, it, vi } from "vitest";
import { collationKey } from "../../format/collation";
import type { Column } from "./columns";
import { Finder, READY_AT_ONCE, ordered } from "./order";

interface Rig {
  id: string;
  name: string;
  rate?: number | null;
  tags?: string;
}
const COLUMNS: Column<Rig>[] = [
  { id: "name", header: "Name", width: 8, value: (rig) => rig.name },
  { id: "rate", header: "Hashrate", width: 6, numeric: true, value: (rig) => rig.rate },
  { id: "tags", header: "Tags", width: 6, text: (rig) => rig.tags ?? "" },
];
const rigs = (...names: string[]): Rig[] => names.map((name, at) => ({ id: String(at), name }));

function names(of: Rig[], column = "name", descending = false): string[] {
  const byId = new Map(of.map((rig) => [rig.id, rig.name]));
  return ordered(of, { column, descending }, COLUMNS).map((id) => byId.get(id) ?? "");
}

describe("the order", () => {
  it("is that of people: case, accents and leading zeros aside, numbers by size", () => {
    expect(names(rigs("rig-10", "Rig-9", "élan", "rig-009b", "echo", "zulu"))).toEqual(["echo", "élan", "Rig-9", "rig-009b", "rig-10", "zulu"]);
    const runs = [1, 8, 9, 10, 16, 17, 60, 63].map((length) => `x${"7".repeat(length)}`);
    expect(names(rigs(...runs.toReversed(), "xa", "x"))).toEqual(["x", ...runs, "xa"]);
    expect(names(rigs("a100000000000000000000", "a20000000000000000000", "a000", "a1"))).toEqual(["a000", "a1", "a20000000000000000000", "a100000000000000000000"]);
    expect(collationKey("ÉLAN")).toBe(collationKey("elan"));
  });

  it("has what is missing last, whichever way", () => {
    const of = [
      { id: "a", name: "a", rate: null },
      { id: "b", name: "b", rate: 5 },
      { id: "c", name: "c", rate: 0 },
      { id: "d", name: "d", rate: NaN },
      { id: "e", name: "e" },
    ];
    expect(names(of, "rate")).toEqual(["c", "b", "a", "d", "e"]);
    expect(names(of, "rate", true)).toEqual(["b", "c", "a", "d", "e"]);
  });

  it("leaves equal ones in the order of their names, either way", () => {
    const of = [3, 1, 2].map((n) => ({ id: String(n), name: `rig-${n}`, rate: 7 }));
    expect(names(of, "rate")).toEqual(["rig-1", "rig-2", "rig-3"]);
    expect(names(of, "rate", true)).toEqual(["rig-1", "rig-2", "rig-3"]);
  });

  it("is the same for rows that come in it, or the other way round", () => {
    const of = rigs("rig-2", "rig-10", "rig-1", "rig-2");
    const sorted = ordered(of, { column: "name", descending: false }, COLUMNS);
    const byId = new Map(of.map((rig) => [rig.id, rig]));
    const again = sorted.map((id) => byId.get(id) as Rig);
    expect(sorted).toEqual(["2", "0", "3", "1"]);
    expect(ordered(again, { column: "name", descending: false }, COLUMNS)).toEqual(sorted);
    expect(ordered(again.toReversed(), { column: "name", descending: false }, COLUMNS)).toEqual(["2", "3", "0", "1"]);
  });

  it("is that of the rows where there is no such column", () => {
    expect(ordered(rigs("b", "a"), { column: "none", descending: false }, [])).toEqual(["0", "1"]);
  });
});

describe("what is typed", () => {
  const find = (typed: string, of: Rig[]) => of.filter(new Finder(COLUMNS).matcher(typed) ?? (() => true)).map((rig) => rig.name);

  it("is found in every column, each word somewhere, without case and accents", () => {
    const of = [
      { id: "1", name: "Garage-1", tags: "cellar gpu" },
      { id: "2", name: "attic-2", tags: "garage" },
      { id: "3", name: "Élan", tags: "" },
    ];
    expect(find("GARAGE", of)).toEqual(["Garage-1", "attic-2"]);
    expect(find("garage gpu", of)).toEqual(["Garage-1"]);
    expect(find("elan", of)).toEqual(["Élan"]);
    expect(find("  ", of)).toHaveLength(3);
  });

  it("finds no word across two columns", () => {
    expect(find("ab", [{ id: "1", name: "a", tags: "b" }])).toEqual([]);
  });

  it("sees a row that was replaced as it is now", () => {
    const finder = new Finder(COLUMNS);
    const matches = finder.matcher("new");
    expect(matches?.({ id: "1", name: "old" })).toBe(false);
    expect(matches?.({ id: "1", name: "new" })).toBe(true);
  });

  const many = (n: number) => new Map(Array.from({ length: n }, (_, at) => [String(at), { id: String(at), name: `Rig-${at}` } as Rig]));

  it("sees a row that is gone and comes back as it came back", () => {
    const finder = new Finder(COLUMNS);
    const rows = many(2);
    finder.changed("all", rows);
    expect(finder.ready(rows)).toBe(2);
    rows.delete("0");
    finder.changed(new Set(["0"]), rows);
    expect(finder.ready(rows)).toBe(0);
    rows.set("0", { id: "0", name: "other" });
    finder.changed(new Set(["0"]), rows);
    expect(finder.ready(rows)).toBe(1);
    expect([...rows.values()].filter((row) => finder.matcher("other")?.(row)).map((row) => row.id)).toEqual(["0"]);
    finder.changed("all", many(1));
    expect(finder.ready(many(1)), "what is gone is forgotten").toBe(1);
  });

  it("is made ready a part of the rows at a time, and found the same with that and without", () => {
    let folds = 0;
    const counted: Column<Rig>[] = [{ id: "name", header: "Name", width: 8, text: (rig) => ((folds += 1), rig.name) }];
    const rows = many(2 * READY_AT_ONCE + 30);
    const finder = new Finder(counted);
    finder.changed("all", rows);
    expect([finder.ready(rows), finder.ready(rows), finder.ready(rows), finder.ready(rows)]).toEqual([READY_AT_ONCE, READY_AT_ONCE, 30, 0]);
    rows.set("7", { id: "7", name: "Other-77" });
    rows.set("8", { id: "8", name: "Rig-8", rate: 5 });
    finder.changed(new Set(["7", "8"]), rows);
    expect([finder.ready(rows), finder.ready(rows)], "only what says something else is made anew").toEqual([1, 0]);
    let sorted = 0;
    const kept = vi.spyOn(String.prototype, "replace").mockImplementation(function (this: string) {
      sorted += 1;
      return String(this);
    });
    const keyed: Column<Rig>[] = [{ id: "name", header: "Name", width: 8, value: (rig) => rig.name }];
    const other = new Finder(keyed);
    const fresh = new Map(["one", "two"].map((id) => [id, { id, name: `never sorted ${id}` } as Rig]));
    other.matcher("x")?.(fresh.get("one") as Rig); // somebody typed before it was ready
    other.changed("all", fresh);
    other.ready(fresh);
    kept.mockRestore();
    expect(sorted, "what they are sorted by is made ready too").toBe(2);
    folds = 0;
    const found = [...rows.values()].filter((row) => finder.matcher("77")?.(row));
    expect(folds, "nothing is made while somebody types").toBe(0);
    expect(found).toEqual([...rows.values()].filter((row) => new Finder(counted).matcher("77")?.(row)));
    expect(found.map((row) => row.id)).toContain("7");
  });
});
