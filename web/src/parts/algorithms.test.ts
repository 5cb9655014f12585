import { describe, expect, it } from "vitest";
import type { Totals } from "../live/live.svelte";
import { byRigs } from "./algorithms";

describe("the order of algorithms", () => {
  it("is by how many rigs hash them, then by name: what one rig makes up comes last, whatever it is called", () => {
    const totals = { hashing: { "0": 1, "!": 1, "kawpow": 3, "rx/0": 900, "gr": 3 } } as unknown as Totals;
    expect(byRigs(["!", "0", "gr", "kawpow", "rx/0", "toString"], totals)).toEqual(["rx/0", "gr", "kawpow", "!", "0", "toString"]);
  });
});
