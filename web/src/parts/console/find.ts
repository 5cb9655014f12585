/** Finding words in lines. */

import type { Span, Style } from "./sgr";

export interface Match {
  /** ID of the line. */
  line: number;
  start: number;
  end: number;
}

export const MOST_MATCHES = 10_000;
/** Of one line: a letter that stands in it a thousand times is not marked as often. */
export const MOST_IN_LINE = 100;

/** A pattern for `words` as they stand there, in capitals or not; `undefined` for nothing. */
export function patternOf(words: string): RegExp | undefined {
  return words ? new RegExp(words.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"), "gi") : undefined;
}

export function matchesIn(text: string, pattern: RegExp | undefined): { start: number; end: number }[] {
  if (!pattern) return [];
  const matches: { start: number; end: number }[] = [];
  for (const found of text.matchAll(pattern)) {
    matches.push({ start: found.index, end: found.index + found[0].length });
    if (matches.length === MOST_IN_LINE) break;
  }
  return matches;
}

/** Whether it stands in `text` at all. */
export function isIn(text: string, pattern: RegExp): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text);
}

export interface Piece {
  text: string;
  style: Style;
  /** It is part of a match; of the one that is looked at. */
  match: boolean;
  current: boolean;
  /** It is part of the line's time. */
  time: boolean;
}

/** Spans cut where matches (in order, beside each other) and the time of the line end; `current` is where the match begins that is looked at. */
export function pieces(spans: readonly Span[], matches: readonly { start: number; end: number }[], current: number | undefined, time: number): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  let nearest = 0;
  for (const span of spans) {
    let [from, end] = [at, at + span.text.length];
    at = end;
    while (from < end) {
      while ((matches[nearest]?.end ?? Infinity) <= from) nearest += 1;
      const next = matches[nearest];
      const match = next && next.start <= from ? next : undefined;
      const to = Math.min(end, (match ? match.end : next?.start) ?? end, from < time ? time : end);
      const start = from - (at - span.text.length);
      found.push({ text: span.text.slice(start, start + to - from), style: span.style, match: match !== undefined, current: match !== undefined && match.start === current, time: from < time });
      from = to;
    }
  }
  return found;
}
