/** A miner's log as it is shown: followed, paused, searched. */

import { live } from "../../live/live.svelte";
import { logView as t } from "../../texts";
import { type Match, MOST_MATCHES, isIn, matchesIn, patternOf } from "./find";
import { type LogLine, LogLines } from "./lines";

const JOIN_MS = 1500;
const FIRST_LINES = 500;

export class LogView {
  /** What is shown: all lines, or those that match. Replaced when it changes. */
  shown = $state.raw<readonly LogLine[]>([]);
  matches = $state.raw<readonly Match[]>([]);
  /** Which match is looked at; -1: none. */
  at = $state(-1);
  words = $state("");
  only = $state(false);
  paused = $state(false);
  /** Lines that came while it is paused. */
  fresh = $state(0);
  /** Whether anything has come. */
  begun = $state(false);
  ended = $state("");
  gone = $state(0);

  #kept = new LogLines();
  #told = false;
  #joining: ReturnType<typeof setTimeout> | undefined;
  #seen = 0;

  /** Follow a miner's log until the returned function is called. */
  follow(rig: string, miner: string): () => void {
    const end = live.followLog(
      rig,
      miner,
      (message) => this.hear(message),
      (reason, suggestion) => this.end(reason, suggestion),
      FIRST_LINES,
    );
    return () => {
      this.#joined();
      end();
    };
  }

  hear(message: { lines: readonly string[]; first: boolean; skippedLines: number; skippedBytes: number }): void {
    this.ended = "";
    if (message.skippedLines || message.skippedBytes) this.#kept.note(t.skipped(message.skippedLines, message.skippedBytes));
    this.#kept.hear(message.lines, message.first);
    if (this.#kept.joining) this.#joining ??= setTimeout(() => this.#giveUp(), JOIN_MS);
    else this.#joined();
    this.begun = true;
    this.#tell();
  }

  end(reason: string, suggestion: string): void {
    this.#kept.giveUp(t.broken);
    this.ended = reason ? [t.ended(reason), suggestion].filter(Boolean).join(" ") : t.endedPlain;
    this.#kept.note(this.ended);
    this.begun = true;
    this.#tell();
  }

  /** What is kept, without colours: what is copied and downloaded. */
  text(): string {
    return `${this.shown.map((line) => line.text).join("\n")}\n`;
  }

  pause(): void {
    this.paused = true;
    this.#seen = this.#kept.gone + this.#kept.lines.length;
  }

  resume(): void {
    this.paused = false;
    this.#show();
  }

  /** Look for `words`, and for lines that have them alone. */
  find(words: string, only: boolean): void {
    this.words = words;
    this.only = only;
    this.at = -1;
    this.#show();
    if (words && this.matches.length) this.at = this.matches.length - 1; // the newest, which is in sight
  }

  /** Go `by` matches on, around the end. */
  step(by: number): void {
    const count = this.matches.length;
    if (count) this.at = (this.at + by + count) % count;
  }

  /** A log that goes on and on does not put it off. */
  #giveUp(): void {
    this.#joining = undefined;
    this.#kept.giveUp(t.broken);
    this.#tell();
  }

  #joined(): void {
    clearTimeout(this.#joining);
    this.#joining = undefined;
  }

  /** With the next frame, however many messages there are in this one. */
  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    const show = () => {
      this.#told = false;
      if (this.paused) this.fresh = this.#kept.gone + this.#kept.lines.length - this.#seen;
      else this.#show();
    };
    if (document.hidden) setTimeout(show, 1000);
    else requestAnimationFrame(show);
  }

  #show(): void {
    // while it is paused, what is searched is what is seen
    const all = this.paused ? this.#kept.lines.slice(0, Math.max(0, this.#seen - this.#kept.gone)) : this.#kept.lines;
    const looked = this.matches[this.at];
    const pattern = patternOf(this.words);
    const matches: Match[] = [];
    const found: LogLine[] = [];
    if (pattern) {
      for (const line of all) {
        if (line.note) found.push(line);
        else if (matches.length < MOST_MATCHES) {
          const here = matchesIn(line.text, pattern);
          if (here.length) found.push(line);
          for (const match of here) matches.push({ line: line.id, ...match });
        } else if (this.only && isIn(line.text, pattern)) found.push(line);
      }
    }
    this.matches = matches;
    if (looked) this.at = matches.findIndex((match) => match.line === looked.line && match.start === looked.start);
    this.shown = pattern && this.only ? found : [...all];
    this.gone = this.#kept.gone;
    if (!this.paused) this.fresh = 0;
  }
}
