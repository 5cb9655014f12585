/** Finding words in lines. */

import type { Span, Style } from "./sgr";

export interface Match {
  /** ID of the line. */
  line: number;
  start: number;
  end: number;
}

export const MOST_MATCHES = 10_000;

/** A pattern for `words` as they stand there, in capitals or not; `undefined` for nothing. */
export function patternOf(words: string): RegExp | undefined {
  return words ? new RegExp(words.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"), "gi") : undefined;
}

export function matchesIn(text: string, pattern: RegExp | undefined): { start: number; end: number }[] {
  return pattern ? [...text.matchAll(pattern)].map((found) => ({ start: found.index, end: found.index + found[0].length })) : [];
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

/** Spans cut where matches and the time of the line end; `current` is where the match begins that is looked at. */
export function pieces(spans: readonly Span[], matches: readonly { start: number; end: number }[], current: number | undefined, time: number): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const span of spans) {
    let [from, end] = [at, at + span.text.length];
    at = end;
    while (from < end) {
      const match = matches.find((each) => each.start <= from && from < each.end);
      const next = matches.find((each) => each.start > from);
      const to = Math.min(end, match?.end ?? end, next?.start ?? end, from < time ? time : end);
      const start = from - (at - span.text.length);
      found.push({ text: span.text.slice(start, start + to - from), style: span.style, match: match !== undefined, current: match !== undefined && match.start === current, time: from < time });
      from = to;
    }
  }
  return found;
}
