import { whole } from "./whole";
import { parts } from "../texts";

const STEPS: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** A rig may say that it runs for longer than there are computers. */
const LONGEST_MS = 100 * 366 * 86_400_000;

/** A length of time, its two largest units: `41 min`, `3 h 20 min`, `2 d 4 h`. */
export function span(ms: number): string {
  if (!(ms < LONGEST_MS)) return parts.noTime;
  if (ms < 1000) return "0 s";
  const at = STEPS.findIndex(([, size]) => ms >= size);
  const [unit, size] = STEPS[at] as [string, number];
  const most = Math.floor(ms / size);
  const next = STEPS[at + 1];
  const rest = next && most < 10 ? Math.floor((ms % size) / next[1]) : 0;
  return next && rest ? `${most} ${unit} ${rest} ${next[0]}` : `${most} ${unit}`;
}

// made once: making one takes longer than all else a page does in a frame
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/** A round trip: `1.4 ms`, `38 ms`. */
export function milliseconds(ms: number): string {
  return `${ms < 9.95 ? ms.toFixed(1) : whole(Math.round(ms))} ms`;
}

/** Whether it is a moment that there is: a rig may say what none is, and formatting that would throw. */
export function isMoment(ms: number): boolean {
  return Math.abs(ms) <= LAST_MS;
}

const LAST_MS = 8.64e15;

/** A moment as `14:03` today, `24 Nov, 14:03` this year, else with the year; the viewer's own time zone. */
export function moment(ms: number, nowMs: number): string {
  if (!isMoment(ms)) return parts.noTime;
  const date = new Date(ms);
  const now = new Date(nowMs);
  const time = TIME.format(date);
  if (date.toDateString() === now.toDateString()) return time;
  return `${(date.getFullYear() === now.getFullYear() ? DAY : DAY_OF_YEAR).format(date)}, ${time}`;
}

/** A moment to the second with the time zone, for who looks closer. */
export function exactMoment(ms: number): string {
  return isMoment(ms) ? EXACT.format(ms) : parts.noTime;
}

/** How long ago, or `never`. */
export function ago(ms: number | null | undefined, nowMs: number): string {
  if (ms === null || ms === undefined) return parts.never;
  return nowMs - ms < 5000 ? "now" : `${span(nowMs - ms)} ago`;
}

/** As `ago`, in one unit: where there is little room. */
export function briefly(ms: number | null | undefined, nowMs: number): string {
  return ago(ms, nowMs).replace(/^(\d+ [a-z]+) \d+ [a-z]+ /, "$1 ");
}

/** RFC 3339, as the API writes times, in Unix ms; `null` stays. */
export function parsed(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}
