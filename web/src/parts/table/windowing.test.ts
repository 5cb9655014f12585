import { describe, expect, it } from "vitest";
import { chose, chosenColumns, isChoice, wantedColumns } from "./columns";
import { extent, ranged, toggled } from "./selection";
import { AROUND, isSeen, moved, partOf, scrollFor, slots } from "./windowing";

describe("what is drawn", () => {
  it("is what is seen and a few around, of 10,000 as of 100", () => {
    const part = partOf(40 * 5000, 600, 40, 10_000);
    expect(part.first).toBe(5000 - AROUND);
    expect(part.size).toBe(15 + 1 + 2 * AROUND);
    expect(partOf(0, 600, 40, 10_000).first).toBe(0);
    const end = partOf(40 * 9999, 600, 40, 10_000);
    expect(end.first + end.size).toBe(10_000);
  });

  it("is all of a short list", () => {
    expect(partOf(0, 600, 40, 3)).toEqual({ first: 0, size: 3 });
    expect(partOf(9999, 600, 40, 3)).toEqual({ first: 0, size: 3 });
    expect(slots(partOf(0, 600, 40, 0))).toEqual([]);
  });

  it("uses elements again: one line on, one element has another row", () => {
    const before = slots({ first: 10, size: 20 });
    const after = slots({ first: 11, size: 20 });
    const same = after.filter((slot) => before.some((each) => each.index === slot.index && each.element === slot.element));
    expect(same).toHaveLength(19);
    expect(new Set(after.map((slot) => slot.element)).size).toBe(20);
    expect(after.map((slot) => slot.index)).toEqual([...after.map((slot) => slot.index)].sort((a, b) => a - b));
  });
});

describe("what is seen", () => {
  it("is every row of which a part is, and at most one more", () => {
    const seen = (scrollTop: number) => Array.from({ length: 100 }, (_, index) => index).filter((index) => isSeen(index, scrollTop, 120, 40));
    expect(seen(0)).toEqual([0, 1, 2, 3]);
    expect(seen(30)).toEqual([0, 1, 2, 3]);
    expect(seen(400)).toEqual([10, 11, 12, 13]);
  });
});

describe("keys", () => {
  it("move within the rows", () => {
    expect(moved("ArrowDown", -1, 10, 5)).toBe(0);
    expect(moved("ArrowUp", 0, 10, 5)).toBe(0);
    expect(moved("PageDown", 7, 10, 5)).toBe(9);
    expect(moved("Home", 7, 10, 5)).toBe(0);
    expect(moved("End", 0, 10, 5)).toBe(9);
    expect(moved("x", 0, 10, 5)).toBeUndefined();
  });

  it("scroll only where the row is not seen whole", () => {
    expect(scrollFor(3, 0, 200, 40)).toBeUndefined();
    expect(scrollFor(5, 0, 200, 40)).toBe(40);
    expect(scrollFor(1, 60, 200, 40)).toBe(40);
  });
});

describe("what is selected", () => {
  const order = ["a", "b", "c", "d"];
  it("is one more or one less, or all between two", () => {
    expect([...toggled(new Set(["a"]), "b")]).toEqual(["a", "b"]);
    expect([...toggled(new Set(["a"]), "a")]).toEqual([]);
    expect([...ranged(new Set(["a"]), order, 3, 1, true)].sort()).toEqual(["a", "b", "c", "d"]);
    expect([...ranged(new Set(order), order, 0, 2, false)]).toEqual(["d"]);
  });
  it("is all, some or none of those that are shown", () => {
    expect(extent(new Set(order), order)).toBe("all");
    expect(extent(new Set(["b"]), order)).toBe("some");
    expect(extent(new Set(["z"]), order)).toBe("none");
  });
});

describe("columns", () => {
  const columns = [
    { id: "name", header: "Name", width: 8 },
    { id: "ping", header: "Ping", width: 8, optional: true },
    { id: "score", header: "Score", width: 8, optional: true },
  ];
  const shown = (ids: string[]) => chosenColumns(columns, ids).map((column) => column.id);
  it("are those chosen, in that order, and those that may not be taken out", () => {
    expect(shown(["score", "name", "ping"])).toEqual(["score", "name", "ping"]);
    expect(shown(["score"])).toEqual(["name", "score"]);
    expect(shown(["gone", "score", "score", "name"])).toEqual(["score", "name"]);
  });
  describe("that somebody chose", () => {
    const wide = [...columns.slice(0, 2), { id: "band", header: "Band", width: 8, optional: true, from: 60 }, { id: "tags", header: "Tags", width: 8, optional: true, from: 90 }, ...columns.slice(2)];
    const first = { shown: null, sort: { column: "name", descending: false } };
    const at = (choice: typeof first | ReturnType<typeof chose>, width: number) => wantedColumns(wide, choice, width);

    it("where there is no room for more are not all that is shown where there is", () => {
      const without = chose(at(first, 50), ["name", "score"], undefined);
      expect(at({ ...first, ...without }, 50)).toEqual(["name", "score"]);
      expect(at({ ...first, ...without }, 100), "what was taken out stays out").toEqual(["name", "band", "tags", "score"]);
      const moved = chose(at(first, 50), ["score", "name", "ping"], undefined);
      expect(at({ ...first, ...moved }, 100)).toEqual(["score", "name", "ping", "band", "tags"]);
    });

    it("where there is room leave out elsewhere what there is none for, unless it was asked for", () => {
      const without = chose(at(first, 100), ["name", "band", "tags", "score"], undefined);
      expect(at({ ...first, ...without }, 70)).toEqual(["name", "band", "score"]);
      const more = chose(at({ ...first, ...without }, 70), ["name", "tags", "band", "score"], without.touched);
      expect([more.touched?.toSorted(), at({ ...first, ...more }, 50)]).toEqual([["ping", "tags"], ["name", "tags", "score"]]);
      expect(at({ ...first, ...chose(at(first, 100), null, more.touched) }, 50)).toEqual(["name", "ping", "score"]);
    });

    it("in an older version are all that is shown", () => expect(at({ ...first, shown: ["name"] } as never, 100)).toEqual(["name"]));
  });

  it("are not taken from what is none of ours", () => {
    const sort = { column: "name", descending: false };
    expect([isChoice({ shown: ["name"], touched: ["ping"], sort }), isChoice({ shown: ["name"], touched: "ping", sort })]).toEqual([true, false]);
    for (const shown of [["name"], null]) expect(isChoice({ shown, sort: { column: "name", descending: false } })).toBe(true);
    for (const bad of [null, 3, {}, { shown: "name", sort: {} }, { shown: [1], sort: { column: "a", descending: true } }]) expect(isChoice(bad)).toBe(false);
  });
});
