import { describe, expect, it } from "vitest";
import { clockText, daysText, minuteOf, week } from "./week";

const rule = (days: number[], from: string, to: string, what: string) => ({ days, startMinute: minuteOf(from) ?? 0, endMinute: minuteOf(to) ?? 0, do: what });

describe("a week", () => {
  it("is one thing without rules", () => expect(week([], "run")[3]).toEqual([{ from: 0, to: 1440, what: "run" }]));

  it("is what the last rule says", () => {
    const found = week([rule([0], "08:00", "18:00", "pause"), rule([0], "12:00", "13:00", "run")], "run");
    expect(found[0]?.map((each) => `${clockText(each.from)}-${clockText(each.to)} ${each.what}`)).toEqual([
      "00:00-08:00 run",
      "08:00-12:00 pause",
      "12:00-13:00 run",
      "13:00-18:00 pause",
      "18:00-24:00 run",
    ]);
    expect(found[1]).toHaveLength(1);
  });

  it("goes past midnight, from Sunday into Monday, too", () => {
    const found = week([rule([6], "22:00", "06:00", "profile:night")], "run");
    expect(found[6]?.at(-1)).toEqual({ from: 1320, to: 1440, what: "profile:night" });
    expect(found[0]?.[0]).toEqual({ from: 0, to: 360, what: "profile:night" });
    expect(found[1]?.[0]?.what).toBe("run");
  });

  it("takes midnight as the end of the day", () => {
    const found = week([rule([2], "20:00", "00:00", "pause"), rule([2], "10:00", "24:00", "run")], "run");
    expect([found[2]?.length, found[3]?.length]).toEqual([1, 1]);
  });
});

it("names days", () => {
  const names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  expect([[4, 3, 2, 1, 0], [5, 6], [0, 2, 3, 4], [6]].map((days) => daysText(days, names))).toEqual(["Mon–Fri", "Sat, Sun", "Mon, Wed–Fri", "Sun"]);
});

it("reads times", () => expect(["08:30", "24:00", "24:01", "8:00", "07:60"].map(minuteOf)).toEqual([510, 1440, undefined, undefined, undefined]));
