/**
 * A line of a terminal as text with colours. Colours and weights (SGR) are kept, carriage returns and backspaces do what
 * they do on a terminal, every other escape sequence is dropped; what would be invisible or turn the text around is shown
 * as what it is. The line begins plain, whatever the line before did.
 */

export interface Style {
  /** -1: none; 0 to 15: of the terminal's palette; else `RGB` with the colour in its lower bits. */
  fg: number;
  /** -1: none; 0 to 7. */
  bg: number;
  flags: number;
}

export const RGB = 0x1000000;
export const BOLD = 1;
export const DIM = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const STRIKE = 16;
/** Not what was written but what stands for it: `␀`, `\u202e`. */
export const MADE = 32;

export interface Span {
  text: string;
  style: Style;
}

export interface Parsed {
  spans: readonly Span[];
  /** All of it without colours. */
  text: string;
  /** How many characters were too many. */
  cut: number;
}

export const MOST_CHARS = 4096;
/** So many pieces a line is drawn of at most; what comes after them is plain. */
export const MOST_SPANS = 256;
const MOST_PARAMETERS = 32;
const LONGEST_SEQUENCE = 512;
const TAB = 8;
const PLAIN: Style = { fg: -1, bg: -1, flags: 0 };

/* eslint-disable no-control-regex */
const SPECIAL = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/u;
const CSI = /^\u001b\[([0-?]*)[ -/]*([@-~])/;
const SHORT = /^\u001b[ -/]*[0-Z\\^-~]/;
const STRING = /^\u001b[\]PX^_]/;
const STRING_END = /\u001b\\|[\u0007\u009c]/g;

/** Whether there is anything in a line that is not plain text. */
export function isPlain(line: string): boolean {
  return line.length <= MOST_CHARS && !SPECIAL.test(line);
}

export function parseLine(line: string): Parsed {
  if (isPlain(line)) return { spans: line ? [{ text: line, style: PLAIN }] : [], text: line, cut: 0 };
  const cells = new Cells();
  const strings = new Strings(line);
  let style = PLAIN;
  let at = 0;
  while (at < line.length && !cells.full) {
    const code = line.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(code);
    if (char === "\u001b") {
      const rest = line.slice(at, at + LONGEST_SEQUENCE);
      const csi = CSI.exec(rest);
      if (csi && csi[2] === "m") style = applied(style, csi[1] ?? "");
      const length = csi?.[0].length ?? (STRING.test(rest) ? strings.length(at) : rest[1] === "[" ? 0 : (SHORT.exec(rest)?.[0].length ?? 0));
      if (!length) cells.put("␛", made(style)); // of no sequence, or of one without an end: nothing after it is hidden
      at += length || 1;
      continue;
    }
    at += char.length;
    if (char === "\r") cells.at = 0;
    else if (char === "\b") cells.at = Math.max(0, cells.at - 1);
    else if (char === "\t") do cells.put(" ", style); while (cells.at % TAB && !cells.full);
    else if (SPECIAL.test(char)) for (const each of shown(code)) cells.put(each, made(style));
    else cells.put(char, style);
  }
  return { ...cells.spans(), cut: Math.max(0, line.length - at) };
}

/** Where control strings end. A line of beginnings without an end is looked through once, not once for each of them. */
class Strings {
  #end = -1;
  #after = -1;

  constructor(private readonly line: string) {}

  /** How long the control string at `at` is; 0 where its end is nowhere near. */
  length(at: number): number {
    if (this.#end < at + 2) {
      STRING_END.lastIndex = at + 2;
      const found = STRING_END.exec(this.line);
      [this.#end, this.#after] = found ? [found.index, STRING_END.lastIndex] : [Infinity, Infinity];
    }
    const length = this.#after - at;
    return length <= LONGEST_SEQUENCE ? length : 0;
  }
}

/** What stands for a character that cannot be seen. */
function shown(code: number): string {
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

function made(style: Style): Style {
  return { ...style, flags: style.flags | MADE };
}

class Cells {
  at = 0;
  #chars: string[] = [];
  #styles: Style[] = [];

  get full(): boolean {
    return this.at >= MOST_CHARS;
  }

  put(char: string, style: Style): void {
    this.#chars[this.at] = char;
    this.#styles[this.at] = style;
    this.at += 1;
  }

  spans(): { spans: Span[]; text: string } {
    const spans: Span[] = [];
    this.#chars.forEach((char, at) => {
      const style = this.#styles[at] ?? PLAIN;
      const last = spans.at(-1);
      if (last && (spans.length > MOST_SPANS || same(last.style, style))) last.text += char;
      else spans.push({ text: char, style: spans.length < MOST_SPANS ? style : PLAIN });
    });
    return { spans, text: this.#chars.join("") };
  }
}

function same(one: Style, other: Style): boolean {
  return one === other || (one.fg === other.fg && one.bg === other.bg && one.flags === other.flags);
}

/** `style` after the parameters of an SGR sequence. What is not known changes nothing. */
function applied(style: Style, parameters: string): Style {
  if (!/^[\d;:]*$/.test(parameters)) return style;
  const codes = parameters.split(/[;:]/).slice(0, MOST_PARAMETERS).map(Number);
  let { fg, bg, flags } = style;
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) [fg, bg, flags] = [-1, -1, 0];
    else if (FLAGS[code] !== undefined) flags |= FLAGS[code];
    else if (code === 22) flags &= ~(BOLD | DIM);
    else if (code === 23) flags &= ~ITALIC;
    else if (code === 24) flags &= ~UNDERLINE;
    else if (code === 29) flags &= ~STRIKE;
    else if (code === 7) bg = 7;
    else if (code === 27 || code === 49) bg = -1;
    else if (code >= 30 && code <= 37) fg = code - 30;
    else if (code >= 90 && code <= 97) fg = code - 90 + 8;
    else if (code === 39) fg = -1;
    else if (code >= 40 && code <= 47) bg = code - 40;
    else if (code >= 100 && code <= 107) bg = code - 100;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      at += used;
      if (colour < 0) continue;
      if (code === 38) fg = colour;
      else bg = baseOf(colour);
    }
  }
  return { fg, bg, flags };
}

const FLAGS: Readonly<Record<number, number>> = { 1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 9: STRIKE };

/** The colour behind 38 or 48, and how many parameters it took; -1: it is none. */
function extended(codes: readonly number[], at: number): [colour: number, used: number] {
  if (codes[at] === 5) {
    const index = codes[at + 1] ?? -1;
    return [index >= 0 && index <= 255 ? indexed(index) : -1, 2];
  }
  if (codes[at] === 2) {
    const parts = [codes[at + 1], codes[at + 2], codes[at + 3]];
    if (parts.some((part) => part === undefined || part > 255)) return [-1, 4];
    const [red = 0, green = 0, blue = 0] = parts as number[];
    return [RGB | (red << 16) | (green << 8) | blue, 4];
  }
  return [-1, 1];
}

function indexed(index: number): number {
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return RGB | (grey << 16) | (grey << 8) | grey;
  }
  const step = (part: number) => (part ? 55 + part * 40 : 0);
  const cube = index - 16;
  return RGB | (step(Math.floor(cube / 36)) << 16) | (step(Math.floor(cube / 6) % 6) << 8) | step(cube % 6);
}

/** The nearest of the eight colours: a ground has few that one can read on. */
function baseOf(colour: number): number {
  if (colour < RGB) return colour % 8;
  const [red, green, blue] = [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255];
  const half = Math.max(red, green, blue, 1) / 2;
  return (red > half ? 1 : 0) | (green > half ? 2 : 0) | (blue > half ? 4 : 0);
}
