import { describe, expect, it } from "vitest";
import { lasted, pathsOf, type RigBand, runsOf, shapesOf, stopsOf, ticksOf } from "./band";

const HOUR = 3_600_000;

function made(states: string, events: [number, string][] = []): RigBand {
  return {
    startMs: 0,
    stepMs: HOUR,
    states,
    hashrate: [],
    events: events.map(([atMs, kind]) => ({ atMs, kind, miner: "", by: "", text: "", own: false })),
    earlierEvents: false,
  };
}

describe("a band", () => {
  it("joins buckets that are alike", () =>
    expect(runsOf("mmmt--m")).toEqual([
      { letter: "m", from: 0, length: 3 },
      { letter: "t", from: 3, length: 1 },
      { letter: "-", from: 4, length: 2 },
      { letter: "m", from: 6, length: 1 },
    ]));

  it("is a path for each state there is, however often that changes, and none where nothing is known", () => {
    expect(shapesOf("mt-m")).toEqual([
      { letter: "m", path: "M0 0h1v8h-1zM3 0h1v8h-1z" },
      { letter: "t", path: "M1 0h1v8h-1z" },
    ]);
    expect(shapesOf("mtmtmtoipoip".repeat(8))).toHaveLength(5);
    expect(shapesOf("oo")[0]?.path).toBe("M0 0h2v8h-2zM0 2v4h2v-4z");
    expect(shapesOf('--"/><x')).toEqual([]);
  });

  it("takes a letter it does not know for nothing known", () => expect(runsOf("m?")[1]?.letter).toBe("-"));

  it("says what lasted longest first, and what is not known last", () =>
    expect(lasted("--mmotooo", HOUR)).toEqual([
      { letter: "o", ms: 4 * HOUR },
      { letter: "m", ms: 2 * HOUR },
      { letter: "t", ms: HOUR },
      { letter: "-", ms: 2 * HOUR },
    ]));

  it("has a gap where nothing is known, and a scale for each algorithm", () => {
    const lines = [
      { name: "rx/0", values: [100, 50, null, 100] },
      { name: "kawpow", values: [null, 1e6, null, null] },
      { name: "none", values: [0, 0, 0, 0] },
    ];
    expect(pathsOf(lines, 20)).toEqual(["M0 0.0H1V10.0H2M3 0.0H4", "M1 0.0H2"]);
  });

  it("tells events that fall upon each other with one tick, and leaves out what is outside", () => {
    const ticks = ticksOf(made("mmmm", [[HOUR, "started"], [HOUR + 1000, "crashed"], [3.5 * HOUR, "deployed"], [9 * HOUR, "started"], [-5, "x"]]));
    expect(ticks.map((tick) => [tick.bucket, tick.events.length, tick.bad])).toEqual([
      [1, 2, true],
      [3, 1, false],
    ]);
  });

  it("stops where the state changes and where something happened", () => expect(stopsOf(made("mmttmm", [[5 * HOUR, "started"]]))).toEqual([0, 2, 4, 5]));
});
