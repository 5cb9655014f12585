/** What a chart is drawn of: lines over buckets of one length, what came since, and what happened. */

import type { Schemas } from "../../api/requests";

export type Series = Schemas["SeriesView"];

/** Values of one moment, by the name of their line. */
export interface TailPoint {
  atMs: number;
  values: Readonly<Record<string, number | null>>;
}

/** Something that happened, marked on the chart. */
export interface ChartEvent {
  atMs: number;
  /** What it was, in words. */
  text: string;
  /** Who did it; empty where nobody is known. */
  by: string;
  /** It was bad: its mark says so. */
  bad: boolean;
}

/** From and to, in Unix ms. */
export interface Window {
  from: number;
  to: number;
}

export interface Line {
  name: string;
  values: readonly (number | null)[];
}

/** All that is drawn: `times` are the beginnings of the buckets, one value of each line for each. */
export interface Drawn {
  times: readonly number[];
  lines: readonly Line[];
  window: Window;
}

/** Which bucket a tail may fill at most: a page that was left open does not grow for ever. */
const MOST_TAIL = 2000;

/**
 * `series` with what came after it, in buckets of the same length (the mean of each). The window keeps its length and
 * ends with the newest.
 */
export function drawn(series: Series, tail: readonly TailPoint[] = []): Drawn {
  const { startMs, stepMs } = series;
  const end = startMs + series.points * stepMs;
  const times = Array.from({ length: series.points }, (_, at) => startMs + at * stepMs);
  const lines = new Map(series.lines.map((line) => [line.name, [...line.values]]));
  const sums = new Map<string, [sum: number, count: number]>();
  let bucket = -1;
  const close = () => {
    for (const [name, [sum, count]] of sums) {
      const values = lines.get(name) ?? [];
      while (values.length < times.length) values.push(null);
      values[times.length - 1] = sum / count;
      lines.set(name, values);
    }
    sums.clear();
  };
  for (const point of tail) {
    const at = Math.floor((point.atMs - end) / stepMs);
    if (at < 0 || at < bucket || at >= MOST_TAIL) continue;
    if (at > bucket) {
      close();
      while (times.length <= series.points + at) times.push(startMs + times.length * stepMs);
      bucket = at;
    }
    for (const [name, value] of Object.entries(point.values)) {
      if (value === null || !Number.isFinite(value)) continue;
      const [sum, count] = sums.get(name) ?? [0, 0];
      sums.set(name, [sum + value, count + 1]);
    }
  }
  close();
  const extra = times.length - series.points;
  const all = [...lines].map(([name, values]) => ({ name, values: filled(values, times.length) }));
  return { times, lines: all, window: { from: startMs + extra * stepMs, to: startMs + times.length * stepMs } };
}

function filled(values: (number | null)[], length: number): (number | null)[] {
  while (values.length < length) values.push(null);
  return values;
}

export interface Summary {
  name: string;
  last: number | null;
  mean: number | null;
  least: number | null;
  most: number | null;
}

/** One line in figures. `last` is the newest that is known. */
export function summary(line: Line): Summary {
  let [sum, count] = [0, 0];
  let [last, least, most]: (number | null)[] = [null, null, null];
  for (const value of line.values) {
    if (value === null) continue;
    sum += value;
    count += 1;
    last = value;
    least = Math.min(least ?? value, value);
    most = Math.max(most ?? value, value);
  }
  return { name: line.name, last: last ?? null, mean: count ? sum / count : null, least: least ?? null, most: most ?? null };
}

/** The bucket that holds `atMs`, kept within those there are; -1 where there is none. */
export function bucketAt(of: Drawn, atMs: number): number {
  let [low, high] = [0, of.times.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((of.times[middle] ?? 0) <= atMs) low = middle;
    else high = middle - 1;
  }
  return high;
}

/** Whether `series` reaches over all of `window`, as far as there is anything yet. */
export function covers(series: Series, window: Window): boolean {
  const end = series.startMs + series.points * series.stepMs;
  return series.startMs <= window.from && end + series.stepMs >= window.to;
}

/** The part of `window` that stays when it is zoomed by `factor` (0.5: half of it) about `middle`; never under `least`. */
export function zoomed(window: Window, factor: number, middle: number, least: number, whole: Window): Window {
  const length = Math.max(least, (window.to - window.from) * factor);
  if (length >= whole.to - whole.from) return whole;
  const part = (middle - window.from) / (window.to - window.from);
  return within({ from: middle - part * length, to: middle + (1 - part) * length }, whole);
}

/** `window` moved so that it lies in `whole`, as far as it is not longer. */
export function within(window: Window, whole: Window): Window {
  const length = Math.min(window.to - window.from, whole.to - whole.from);
  const from = Math.min(Math.max(window.from, whole.from), whole.to - length);
  return { from, to: from + length };
}

/** Events that lie so near to each other that they share a mark. `at` is where, as a part (0 to 1) of the window. */
export interface Mark {
  at: number;
  events: readonly ChartEvent[];
}

/** Marks for the events in `window`, at least `apart` (a part of it) from each other; events are given in any order. */
export function marks(events: readonly ChartEvent[], window: Window, apart: number): Mark[] {
  const length = window.to - window.from;
  if (length <= 0) return [];
  const found: { at: number; events: ChartEvent[] }[] = [];
  const seen = events.filter((event) => event.atMs >= window.from && event.atMs < window.to).sort((a, b) => a.atMs - b.atMs);
  for (const event of seen) {
    const at = (event.atMs - window.from) / length;
    const last = found.at(-1);
    if (last && at - last.at < apart) last.events.push(event);
    else found.push({ at, events: [event] });
  }
  return found;
}

/** How long of `window` lies in the intervals (ms). */
export function covered(intervals: readonly { sinceMs: number; untilMs: number }[], window: Window): number {
  let sum = 0;
  for (const { sinceMs, untilMs } of intervals) sum += Math.max(0, Math.min(untilMs, window.to) - Math.max(sinceMs, window.from));
  return sum;
}
