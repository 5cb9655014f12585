/** The lines of a log that are kept: the newest, bounded in number and size. */

import { isPlain, parseLine } from "./sgr";

export interface LogLine {
  /** One higher with each line. */
  id: number;
  raw: string;
  /** Without colours. */
  text: string;
  /** Not of the log: something to know about this place in it. */
  note: boolean;
}

export const MOST_LINES = 10_000;
const MOST_CHARS = 8_000_000;
/** So many are let go at once: moving them costs. */
const ROOM = 500;
/** How many lines have to be the same for two ends of a log to be one place. */
const OVERLAP = 3;

export class LogLines {
  lines: LogLine[] = [];
  /** How many were let go. */
  gone = 0;
  #next = 0;
  #chars = 0;
  #coming: string[] | undefined;

  add(raw: readonly string[]): void {
    for (const line of raw) this.#push(line, isPlain(line) ? line : parseLine(line).text, false);
    this.#trim();
  }

  note(text: string): void {
    this.#push(text, text, true);
    this.#trim();
  }

  /** Lines as the feed tells them; `first` ones begin the log, anew where there are lines already. */
  hear(raw: readonly string[], first: boolean): void {
    if (first && this.lines.length) this.#coming = [...raw];
    else if (this.#coming) this.#coming.push(...raw);
    else return this.add(raw);
    if (this.rejoin(this.#coming)) this.#coming = undefined;
  }

  /** Lines came anew, and it is not known yet where they go on. */
  get joining(): boolean {
    return this.#coming !== undefined;
  }

  /** What came anew goes on somewhere else: `note` says so. */
  giveUp(note: string): void {
    const coming = this.#coming;
    this.#coming = undefined;
    if (!coming) return;
    this.note(note);
    this.add(coming);
  }

  /**
   * Lines of the same log after the connection was lost: those that are here already are left out. `false`: it is not
   * known where they go on, and something may be missing.
   */
  rejoin(raw: readonly string[]): boolean {
    const last = this.lines.filter((line) => !line.note).slice(-OVERLAP).map((line) => line.raw);
    for (let end = raw.length; end >= last.length && last.length; end -= 1) {
      if (last.every((line, at) => raw[end - last.length + at] === line)) {
        this.add(raw.slice(end));
        return true;
      }
    }
    return false;
  }

  #push(raw: string, text: string, note: boolean): void {
    this.lines.push({ id: this.#next++, raw, text, note });
    this.#chars += raw.length;
  }

  #trim(): void {
    let drop = this.lines.length > MOST_LINES + ROOM ? this.lines.length - MOST_LINES : 0;
    let left = this.#chars;
    for (let at = 0; at < drop; at += 1) left -= this.lines[at]?.raw.length ?? 0;
    while (left > MOST_CHARS && drop < this.lines.length - 1) left -= this.lines[drop++]?.raw.length ?? 0;
    if (!drop) return;
    this.lines = this.lines.slice(drop);
    this.gone += drop;
    this.#chars = left;
  }
}

const TIME = /^\s*\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?\s*/;

/** How many characters at the beginning of a line are its time. */
export function timeLength(text: string): number {
  return TIME.exec(text)?.[0].length ?? 0;
}
