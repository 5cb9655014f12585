import { describe, expect, it } from "vitest";
import { ofMiner, rangeOf, sampled, whatOf, windowOf } from "./times";

type Sample = Parameters<typeof sampled>[0][number];
const sample = (atMs: number, miner: string, hashrate: number | null, more: Partial<Sample> = {}): Sample => ({
  atMs, rigAtMs: atMs, miner, state: "mining", algorithm: "rx/0", hashrate, shares: 1, rejected: 0, temperatureC: null, powerW: null, journal: "j", seq: 1, ...more,
});

describe("samples as lines", () => {
  it("are added up by algorithm, a bucket for each round, late or not", () => {
    const found = sampled([sample(10_000, "a", 1), sample(10_004, "b", 2), sample(20_300, "a", 3), sample(40_000, "a", 5), sample(40_001, "c", 7, { algorithm: "kawpow" })], "hashrate", 10_000, 45_001);
    expect(found.lines).toEqual([
      { name: "rx/0", values: [3, 3, null, 5] },
      { name: "kawpow", values: [null, null, null, 7] },
    ]);
    expect(found.startMs).toBeLessThanOrEqual(10_000);
  });

  it("leave gaps where nothing mined", () => {
    const found = sampled([sample(10_000, "a", 1), sample(20_000, "a", 9, { state: "paused" }), sample(30_000, "a", null)], "hashrate", 10_000, 30_001);
    expect(found.lines[0]?.values).toEqual([1, null, null]);
  });

  it("count shares, and take temperatures as they are", () => {
    const said = [sample(10_000, "a", 1, { shares: 3, temperatureC: 60 }), sample(10_001, "b", 1, { shares: 2, rejected: 1 })];
    expect(sampled(said, "shares", 10_000, 15_000).lines).toEqual([{ name: "accepted", values: [5] }, { name: "rejected", values: [1] }]);
    expect(sampled(said, "temperature", 10_000, 15_000).lines).toEqual([{ name: "a", values: [60] }]);
  });

  it("are none where there are none", () => expect(sampled([], "hashrate", 0, 300_000).lines).toEqual([]));
});

it("makes a line of each algorithm that a miner ran", () => {
  const point = (at: number, algorithm: string, hashrate: number | null) => ({ timestamp: new Date(at).toISOString(), algorithm, hashrate, minRate: null, maxRate: null });
  const found = ofMiner([point(60_000, "rx/0", 1), point(120_000, "", null), point(180_000, "kawpow", 2)], "x");
  expect([found.startMs, found.stepMs, found.lines]).toEqual([60_000, 60_000, [{ name: "rx/0", values: [1, null, null] }, { name: "kawpow", values: [null, null, 2] }]]);
});

it("takes nothing else from an address", () => {
  expect([rangeOf("7d"), rangeOf("9y"), rangeOf("toString"), rangeOf(null), whatOf("power"), whatOf("<b>")]).toEqual(["7d", "1h", "1h", "1h", "power", "hashrate"]);
  expect([windowOf("1000", "9000"), windowOf("9000", "1000"), windowOf("a", "b"), windowOf("1", "NaN"), windowOf("-5", "5000")]).toEqual([{ from: 1000, to: 9000 }, null, null, null, null]);
});
