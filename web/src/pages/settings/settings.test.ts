import { describe, expect, it } from "vitest";
import { charsOf, judged } from "./passwords";
import { isLess, problemOf } from "./retention";
import { ruleWords } from "./schedules";
import { linesOf } from "./lines";

describe("a password", () => {
  it.each([
    ["", true, true],
    ["123456789", true, true],
    ["x".repeat(257), true, false],
    ["aaaaaaaaaaaa", false, true],
    ["1234567890", false, true],
    ["for-Ann-only!", false, true],
    ["correct horse battery", false, false],
    ["🐎🐎🐎🐎🐎🐎🐎🐎🐎", true, true], // nine, as the node counts
  ])("%j is refused %s, weak %s", (password, refused, weak) => expect(judged(password, "ann")).toMatchObject({ refused, weak }));
  it("is counted in characters, not in halves of them", () => expect(charsOf("🐎ä")).toBe(2));
});

describe("what is kept", () => {
  const kept = { samplesHours: 24, minutesDays: 30, hoursDays: 730, eventsDays: 730 };
  it.each([
    [kept, true],
    [{ ...kept, samplesHours: 744, minutesDays: 31 }, true],
    [{ ...kept, samplesHours: 744, minutesDays: 30 }, false],
    [{ ...kept, minutesDays: 366, hoursDays: 365 }, false],
    [{ ...kept, samplesHours: 0 }, false],
    [{ ...kept, eventsDays: Number.NaN }, false],
    [{ ...kept, hoursDays: 4000 }, false],
  ])("as %j is taken: %s", (wanted, taken) => expect(problemOf(wanted) === "").toBe(taken));
  it("for less long is asked about", () => {
    expect([isLess(kept, kept), isLess({ ...kept, eventsDays: 800 }, kept), isLess({ ...kept, eventsDays: 7 }, kept)]).toEqual([false, false, true]);
  });
});

describe("a rule of a schedule", () => {
  it.each([
    [{ days: [0, 1, 2, 3, 4, 5, 6], startMinute: 0, endMinute: 1440, do: "run" }, "Daily, 00:00–24:00: mine"],
    [{ days: [5, 0], startMinute: 485, endMinute: 60, do: "profile:night" }, "Mon, Sat, 08:05–01:00: profile night"],
  ])("%j is %s", (rule, words) => expect(ruleWords(rule)).toBe(words));
});

describe("lines of a lock", () => {
  it("are each once, without blanks and empty ones", () => expect(linesOf(" 48abc \r\n\n48abc\npool.example:3333  ")).toEqual(["48abc", "pool.example:3333"]));
  it("are none of an empty text", () => expect(linesOf(" \n ")).toEqual([]));
});
