import { describe, expect, it } from "vitest";
import { bytes, efficiency, hashrate, measured, percent, significant } from "./hashrate";
import { ago, briefly, exactMoment, moment, span } from "./times";

describe("numbers", () => {
  it.each([
    [0, "0 H/s"],
    [980, "980 H/s"],
    [999.6, "1.00 kH/s"],
    [12_503.4, "12.5 kH/s"],
    [45_200_000, "45.2 MH/s"],
    [1e18, "1.00 EH/s"],
    [6e20, "600 EH/s"],
    [1e24, "> 999 ZH/s"],
    [1.7e308, "> 999 ZH/s"],
    [Infinity, "> 999 ZH/s"],
  ])("%d H/s is %s", (hps, words) => expect(measured(hashrate(hps))).toBe(words));
  it("has an exact value that can be read, whatever a rig says", () => expect(hashrate(1.7e308).exact).toBe("1.70e+308 H/s"));

  it("keeps the exact value", () => expect(hashrate(12_503.44).exact).toBe("12,503.4 H/s"));
  it("has three significant digits", () => expect([9.996, 99.96, 1.005].map(significant)).toEqual(["10.0", "100", "1.00"]));
  it("gives efficiency by joule", () => expect(measured(efficiency(12_500, 100))).toBe("125 H/J"));
  it("gives parts of nothing as none", () => expect([percent(0, 0), percent(1, 200), percent(1, 2)]).toEqual(["0 %", "0.5 %", "50 %"]));
  it("counts bytes in binary units", () => expect([bytes(1023), bytes(1024 ** 3 * 1.5)].map(measured)).toEqual(["1023 B", "1.50 GiB"]));
});

describe("times", () => {
  it.each([
    [999, "0 s"],
    [41 * 60_000, "41 min"],
    [200 * 60_000, "3 h 20 min"],
    [(2 * 24 + 4) * 3_600_000, "2 d 4 h"],
    [40 * 86_400_000 + 5, "40 d"],
  ])("%d ms are %s", (ms, words) => expect(span(ms)).toBe(words));

  it("writes never as never", () => expect([ago(null, 1), ago(undefined, 1)]).toEqual(["never", "never"]));
  it("writes ages in one unit where there is little room", () =>
    expect([briefly(0, 130_000), briefly(0, 2 * 86_400_000 + 4 * 3_600_000), briefly(0, 41_000), briefly(null, 1), briefly(0, 1)]).toEqual(["2 min ago", "2 d ago", "41 s ago", "never", "now"]));
  it("writes ages", () => expect([ago(0, 4000), ago(0, 61_000)]).toEqual(["now", "1 min 1 s ago"]));
  it.each([9.2e18, -9.2e18, Infinity, NaN])("has a word for %d, which no clock shows", (ms) => {
    expect([moment(ms, 0), exactMoment(ms)]).toEqual(["no time that there is", "no time that there is"]);
    expect(() => ago(ms, 0)).not.toThrow();
  });
  it("has a word for a length that is none", () => expect([NaN, Infinity, 2 ** 53].map(span)).toEqual(Array(3).fill("no time that there is")));
  it("names the day when it is another", () => {
    const now = new Date(2026, 10, 25, 14, 3).getTime();
    expect(moment(now, now)).toBe("14:03");
    expect(moment(new Date(2026, 10, 24, 14, 3).getTime(), now)).toBe("24 Nov, 14:03");
  });
});
