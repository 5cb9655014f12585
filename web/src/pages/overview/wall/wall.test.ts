import { describe, expect, it } from "vitest";
import type { Rig } from "../../../live/live.svelte";
import { MOST_GROUPS, Places } from "./groups";
import { cellAt, layoutOf, moved, placeOf } from "./layout";
import { lookOf, partsOf } from "./look";

function rig(id: string, more: Partial<Rig> = {}): Rig {
  return {
    id, name: id, state: "mining", sinceMs: null, seenAtMs: null, connected: true, role: "worker", tags: [], address: "",
    hashrate: {}, ofBaseline: null, miners: 1, mining: 1, shares: 0, rejected: 0, temperatureC: null, powerW: null,
    pingMs: null, score: 0, problem: "", problemCode: "", running: [], assigned: "", version: "", locked: false, schedule: "", ...more,
  };
}
const rows = (...rigs: Rig[]) => new Map(rigs.map((one) => [one.id, one]));

describe("places on the wall", () => {
  it("are in the order of names, numbers by their value", () =>
    expect(new Places().groups(rows(rig("rig-10"), rig("Rig-2"), rig("rig-1")), "none")).toEqual([{ name: null, ids: ["rig-1", "Rig-2", "rig-10"] }]));

  it("have a rig of several tags once, and those without a tag last", () =>
    expect(new Places().groups(rows(rig("a"), rig("b", { tags: ["loft", "cellar"] }), rig("c", { tags: ["loft"] })), "tag")).toEqual([
      { name: "cellar", ids: ["b"] },
      { name: "loft", ids: ["c"] },
      { name: null, ids: ["a"] },
    ]));

  it("stay when a rig stops mining", () => {
    const places = new Places();
    const mining = places.groups(rows(rig("a", { hashrate: { "rx/0": 1 } }), rig("b", { hashrate: { kawpow: 1 } })), "algorithm");
    const stopped = places.groups(rows(rig("a", { state: "offline" }), rig("b", { hashrate: { kawpow: 1 } })), "algorithm");
    expect(stopped).toEqual(mining);
  });

  it("have no more groups than can be seen, whatever tags somebody gives", () => {
    const many = rows(...Array.from({ length: 1000 }, (_, at) => rig(`r${at}`, { tags: [`tag-${at}`] })));
    const groups = new Places().groups(many, "tag");
    expect(groups).toHaveLength(MOST_GROUPS + 1);
    expect(groups.reduce((sum, group) => sum + group.ids.length, 0)).toBe(1000);
  });
});

describe("the layout", () => {
  it.each([
    [100, 1000],
    [1000, 1000],
    [10_000, 1000],
    [10_000, 374],
  ])("of %d cells fills %d pixels and goes no further", (cells, width) => {
    const layout = layoutOf([cells], false, width, 560);
    expect(layout.width).toBeLessThanOrEqual(width);
    expect(layout.width).toBeGreaterThan(width - layout.pitch);
    expect(placeOf(layout, cells - 1).y + layout.pitch).toBe(layout.height);
    if (layout.pitch > (cells > 2000 ? 7 : 13)) expect(layout.height).toBeLessThanOrEqual(560);
  });

  it("finds the cell of each place, and none between groups", () => {
    const layout = layoutOf([5, 7], true, 90, 400);
    for (let cell = 0; cell < 12; cell++) {
      const { x, y } = placeOf(layout, cell);
      expect(cellAt(layout, x + 1, y + 1)).toBe(cell);
    }
    expect(cellAt(layout, 1, 1)).toBeUndefined();
    expect(cellAt(layout, -1, 30)).toBeUndefined();
    expect(cellAt(layout, 1, 5000)).toBeUndefined();
  });

  it("is walked by arrow keys through rows and groups", () => {
    const layout = { ...layoutOf([5, 4], true, 100, 400), columns: 3 };
    expect(moved(layout, 0, "ArrowDown")).toBe(3);
    expect(moved(layout, 2, "ArrowDown")).toBe(4);
    expect(moved(layout, 4, "ArrowDown")).toBe(6);
    expect(moved(layout, 6, "ArrowUp")).toBe(4);
    expect(moved(layout, 5, "ArrowUp")).toBe(3);
    expect(moved(layout, 8, "ArrowDown")).toBe(8);
    expect(moved(layout, 0, "ArrowUp")).toBe(0);
    expect([moved(layout, 8, "ArrowRight"), moved(layout, 3, "Home"), moved(layout, 3, "End")]).toEqual([8, 0, 8]);
  });
});

describe("a cell's look", () => {
  it("tells state, hashrate against the baseline, and marks", () => {
    expect(partsOf(lookOf(rig("a", { ofBaseline: 0.97 })))).toEqual({ state: "mining", level: 4, mark: "none" });
    expect(partsOf(lookOf(rig("a", { ofBaseline: 0.6, problem: "slow", problemCode: "slow" })))).toEqual({ state: "mining", level: 1, mark: "warned" });
    expect(partsOf(lookOf(rig("a", { state: "trouble", temperatureC: 95, problem: "x" })))).toEqual({ state: "trouble", level: 0, mark: "hot" });
    expect(partsOf(lookOf(rig("a", { state: "offline", problem: "gone" })))).toEqual({ state: "offline", level: 0, mark: "none" });
  });

  it("stays while nothing that is drawn changes", () =>
    expect(lookOf(rig("a", { ofBaseline: 0.97, shares: 1, hashrate: { x: 1 } }))).toBe(lookOf(rig("a", { ofBaseline: 1.2, shares: 2 }))));
});
