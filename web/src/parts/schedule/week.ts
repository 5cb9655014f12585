/** A schedule as a week of hours, and in words. */

import type { Schemas } from "../../api/requests";

export type Rule = Schemas["ScheduleRule"];

export const DAYS = [0, 1, 2, 3, 4, 5, 6] as const;
export const HOURS = Array.from({ length: 24 }, (_, at) => at);
const DAY_MIN = 1440;

/** A part of a day that one thing is asked for in, in minutes. */
export interface Stretch {
  from: number;
  to: number;
  what: string;
}

/** What a schedule asks for on each day of the week, from midnight to midnight; the last rule counts. */
export function week(rules: readonly Rule[], otherwise: string): Stretch[][] {
  return DAYS.map((day) => {
    const marks = new Set([0, DAY_MIN]);
    for (const rule of rules) for (const [from, to] of partsOf(rule, day)) marks.add(from).add(to);
    const edges = [...marks].sort((a, b) => a - b);
    const found: Stretch[] = [];
    for (let at = 0; at + 1 < edges.length; at += 1) {
      const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
      const rule = rules.findLast((each) => partsOf(each, day).some(([start, end]) => start <= from && to <= end));
      const what = rule?.do ?? otherwise;
      const last = found.at(-1);
      if (last?.what === what) last.to = to;
      else found.push({ from, to, what });
    }
    return found;
  });
}

/** The minutes of `day` that a rule holds in: an end not after the start is on the next day. */
function partsOf(rule: Rule, day: number): [number, number][] {
  const { startMinute: start, endMinute: end } = rule;
  const parts: [number, number][] = [];
  if (rule.days.includes(day)) parts.push([start, end > start ? end : DAY_MIN]);
  if (end <= start && end > 0 && rule.days.includes((day + 6) % 7)) parts.push([0, end]);
  return parts;
}

/** `08:00`; the end of a day is `24:00`. */
export function clockText(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
}

/** Minutes of `08:00`; `undefined` where it is none. */
export function minuteOf(text: string): number | undefined {
  const found = /^(\d{2}):(\d{2})$/.exec(text);
  if (!found) return undefined;
  const minute = Number(found[1]) * 60 + Number(found[2]);
  return Number(found[2]) < 60 && minute <= DAY_MIN ? minute : undefined;
}

/** Days as `Mon–Fri, Sun`, by their `names`. */
export function daysText(days: readonly number[], names: readonly string[]): string {
  const sorted = [...new Set(days)].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end += 1;
    const [first, last] = [names[sorted[at] ?? 0] ?? "", names[sorted[end] ?? 0] ?? ""];
    if (end - at > 1) parts.push(`${first}–${last}`);
    else for (let each = at; each <= end; each += 1) parts.push(names[sorted[each] ?? 0] ?? "");
    at = end + 1;
  }
  return parts.join(", ");
}
