// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { routeOf } from "../router.svelte";
import { titleOf } from "./title";

describe("the title of a tab", () => {
  it("names the page", () => {
    const titles = ["/", "/nodes", "/profiles", "/profiles/abc", "/activity/audit", "/settings/access", "/nowhere"].map((path) => titleOf(routeOf(path), undefined, 0));
    expect(titles).toEqual([
      "Overview · miner-ctrl", "Nodes · miner-ctrl", "Profiles · miner-ctrl", "Profiles · miner-ctrl", "Activity · miner-ctrl", "Settings · miner-ctrl",
      "There is no such page · miner-ctrl",
    ]);
  });

  it("names the rig, once it is known which one", () => {
    expect(titleOf(routeOf("/rigs/abc"), undefined, 0)).toBe("Nodes · miner-ctrl");
    expect(titleOf(routeOf("/rigs/abc"), "rig-beta", 0)).toBe("rig-beta · miner-ctrl");
  });

  it("says first how many need somebody, on every page", () => {
    expect(titleOf(routeOf("/nodes"), undefined, 1200)).toBe("(1,200) Nodes · miner-ctrl");
  });
});
