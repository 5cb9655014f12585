import { expect, it } from "vitest";
import { isYoung } from "./young";

const MINUTE_MS = 60_000;
const day = (known: readonly number[]) => ({
  startMs: 0,
  stepMs: 10 * MINUTE_MS,
  points: 144,
  lines: [{ name: "rx/0", values: Array.from({ length: 144 }, (_, at) => (known.includes(at) ? 1000 : null)) }],
});

it("a fleet that is known for less than an hour is young", () => {
  expect(isYoung(day([143]))).toBe(true);
  expect(isYoung(day([138, 140, 143]))).toBe(true);
});

it("one that is known for longer is not, and of one that nothing is known of nobody can say", () => {
  expect(isYoung(day([10, 143]))).toBe(false);
  expect(isYoung(day([130, 143]))).toBe(false);
  expect(isYoung(day([]))).toBe(undefined);
  expect(isYoung({ ...day([]), lines: [] })).toBe(undefined);
});
