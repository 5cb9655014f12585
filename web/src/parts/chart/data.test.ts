import { describe, expect, it } from "vitest";
import { type Series, bucketAt, covered, covers, drawn, marks, summary, within, zoomed } from "./data";
import { axisText, valueText } from "./units";

const series = (values: (number | null)[], stepMs = 1000): Series => ({
  what: "hashrate", unit: "H/s", startMs: 100_000, stepMs, points: values.length, table: "samples", offline: [],
  lines: [{ name: "rx/0", values }],
});

describe("what is drawn", () => {
  it("keeps gaps", () => expect(drawn(series([1, null, 3])).lines[0]?.values).toEqual([1, null, 3]));

  it("adds what came since, in buckets of the same length", () => {
    const of = drawn(series([1, 2]), [
      { atMs: 101_500, values: { "rx/0": 99 } }, // known already
      { atMs: 102_100, values: { "rx/0": 10 } },
      { atMs: 102_900, values: { "rx/0": 20 } },
      { atMs: 104_000, values: { "rx/0": 30, "kawpow": 7 } },
    ]);
    expect(of.times).toEqual([100_000, 101_000, 102_000, 103_000, 104_000]);
    expect(of.lines).toEqual([
      { name: "rx/0", values: [1, 2, 15, null, 30] },
      { name: "kawpow", values: [null, null, null, null, 7] },
    ]);
    expect(of.window).toEqual({ from: 103_000, to: 105_000 });
  });

  it("has a line that ends before the others end as a gap", () => {
    const two = { ...series([1, 2, 3]), lines: [{ name: "rx/0", values: [1, 2, 3] }, { name: "kawpow", values: [5, 6, 7] }] };
    const of = drawn(two, [{ atMs: 103_000, values: { "rx/0": 4 } }]);
    expect(of.lines).toEqual([
      { name: "rx/0", values: [1, 2, 3, 4] },
      { name: "kawpow", values: [5, 6, 7, null] },
    ]);
  });

  it("does not grow for ever", () => {
    const of = drawn(series([1]), [{ atMs: 1e15, values: { "rx/0": 1 } }, { atMs: 101_000, values: { "rx/0": Number.NaN } }]);
    expect(of.times.length).toBeLessThan(10);
  });

  it("finds buckets, also outside", () => {
    const of = drawn(series([1, 2, 3]));
    expect([bucketAt(of, 0), bucketAt(of, 101_999), bucketAt(of, 1e12), bucketAt(drawn(series([])), 5)]).toEqual([0, 1, 2, -1]);
  });

  it("knows how far it reaches", () => {
    const of = series([1, 2, 3]);
    expect([covers(of, { from: 100_000, to: 104_000 }), covers(of, { from: 99_999, to: 102_000 }), covers(of, { from: 100_000, to: 104_001 })]).toEqual([true, false, false]);
  });

  it("sums a line up", () => {
    expect(summary({ name: "a", values: [null, 2, 4, null] })).toEqual({ name: "a", last: 4, mean: 3, least: 2, most: 4 });
    expect(summary({ name: "a", values: [null] })).toEqual({ name: "a", last: null, mean: null, least: null, most: null });
  });
});

describe("the window", () => {
  const whole = { from: 0, to: 100 };
  it("zooms about what is in the middle, never past an edge", () => {
    expect(zoomed(whole, 0.5, 50, 1, whole)).toEqual({ from: 25, to: 75 });
    expect(zoomed({ from: 0, to: 50 }, 0.5, 0, 1, whole)).toEqual({ from: 0, to: 25 });
    expect(zoomed({ from: 25, to: 75 }, 4, 50, 1, whole)).toEqual(whole);
    expect(zoomed({ from: 40, to: 44 }, 0.1, 42, 4, whole)).toEqual({ from: 40, to: 44 });
  });
  it("stays inside", () => expect(within({ from: -20, to: 10 }, whole)).toEqual({ from: 0, to: 30 }));
});

describe("events", () => {
  const event = (atMs: number) => ({ atMs, text: `e${atMs}`, by: "", bad: false });
  it("share a mark where they are near", () => {
    const found = marks([event(99), event(1), event(2), event(-1), event(100)], { from: 0, to: 100 }, 0.1);
    expect(found.map((mark) => [mark.at, mark.events.map((of) => of.atMs)])).toEqual([
      [0.01, [1, 2]],
      [0.99, [99]],
    ]);
  });
  it("are none in no time", () => expect(marks([event(0)], { from: 0, to: 0 }, 0.1)).toEqual([]));
});

it("counts how long it was offline", () => {
  expect(covered([{ sinceMs: 0, untilMs: 30 }, { sinceMs: 90, untilMs: 200 }], { from: 10, to: 100 })).toBe(30);
});

it("writes values and axes", () => {
  expect([valueText(12_503, "H/s"), valueText(null, "W"), valueText(61.25, "°C"), valueText(7, "shares")]).toEqual(["12.5 kH/s", "–", "61.3 °C", "7 shares"]);
  expect([0, 950, 5000, 12_500_000].map(axisText)).toEqual(["0", "950", "5k", "12.5M"]);
});
