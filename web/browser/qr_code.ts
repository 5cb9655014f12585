// Reads a QR code off a page as a phone does: from its dots, knowing nothing of who drew it (ISO/IEC 18004, level L).
import { decoded } from "./png.ts";
import type { Locator } from "playwright-core";

type Modules = boolean[][];

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** By version, from 1: how many codewords for correction each block has, and how many blocks there are. */
const CORRECTION = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28];
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8];
const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** What the code says that is shown at `place`. */
export async function scanned(place: Locator): Promise<string> {
  const { width, height, dots } = decoded(await place.screenshot());
  const dark = (x: number, y: number) => (dots[3 * (Math.round(y) * width + Math.round(x))] ?? 255) < 128;
  let [left, top, right] = [width, height, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // the frame around it is no part of it
      if (x < 4 || y < 4 || x >= width - 4 || y >= height - 4 || !dark(x, y)) continue;
      [left, top, right] = [Math.min(left, x), Math.min(top, y), Math.max(right, x)];
    }
  }
  let finder = 0; // its upper edge is seven modules long
  while (dark(left + finder, top + 1)) finder += 1;
  const size = Math.round((((right - left + 1) * 7) / finder - 17) / 4) * 4 + 17;
  const step = (right - left + 1) / size;
  const modules = Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (__, x) => dark(left + (x + 0.5) * step - 0.5, top + (y + 0.5) * step - 0.5)),
  );
  return read(modules);
}

function read(modules: Modules): string {
  const size = modules.length;
  const version = (size - 17) / 4;
  const at = (x: number, y: number) => (modules[y]?.[x] ?? false);
  let format = 0;
  for (const x of [0, 1, 2, 3, 4, 5, 7, 8]) format = (format << 1) | Number(at(x, 8));
  format ^= 0b10101000;
  if (format >> 6 !== 1) throw new Error(`the QR code is not of level L: ${format >> 6}`);
  const mask = MASKS[(format >> 3) & 7] ?? (() => false);
  const bits: number[] = [];
  for (let right = size - 1, up = true; right >= 1; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (!isPattern(x, y, size, version)) bits.push(Number(at(x, y) !== mask(x, y)));
    }
  }
  return told(untangled(codewords(bits), version), version);
}

function isPattern(x: number, y: number, size: number, version: number): boolean {
  if ((x < 9 && y < 9) || (x >= size - 8 && y < 9) || (x < 9 && y >= size - 8) || x === 6 || y === 6) return true;
  if (version >= 7 && ((x >= size - 11 && y < 6) || (y >= size - 11 && x < 6))) return true;
  const centres = alignments(size, version);
  const last = centres.at(-1);
  return centres.some((cx) =>
    centres.some((cy) => {
      const corner = (cx === 6 && cy === 6) || (cx === 6 && cy === last) || (cx === last && cy === 6);
      return !corner && Math.abs(cx - x) <= 2 && Math.abs(cy - y) <= 2;
    }),
  );
}

function alignments(size: number, version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => size - 7 - (count - 2 - at) * step)];
}

function codewords(bits: number[]): number[] {
  return Array.from({ length: Math.floor(bits.length / 8) }, (_, at) => bits.slice(at * 8, at * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0));
}

/** The data alone, block after block: they are written one of each in turn, and the first blocks may be one shorter. */
function untangled(words: number[], version: number): number[] {
  const [correction, count] = [CORRECTION[version - 1] ?? 0, BLOCKS[version - 1] ?? 1];
  const data = words.length - correction * count;
  const short = Math.floor(data / count);
  const blocks: number[][] = Array.from({ length: count }, () => []);
  let next = 0;
  for (let at = 0; at <= short; at++) {
    for (const [number, block] of blocks.entries()) if (at < short || number >= count - (data % count)) block.push(words[next++] ?? 0);
  }
  return blocks.flat();
}

function told(data: number[], version: number): string {
  let from = 0;
  const bits = data.flatMap((word) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (word >> bit) & 1));
  const take = (length: number) => bits.slice(from, (from += length)).reduce((sum, bit) => sum * 2 + bit, 0);
  const mode = take(4);
  if (mode !== 2) throw new Error(`the QR code is not written in letters and digits: mode ${mode}`);
  let [left, text] = [take(version < 10 ? 9 : 11), ""];
  for (; left >= 2; left -= 2) {
    const pair = take(11);
    text += (LETTERS[Math.floor(pair / 45)] ?? "?") + (LETTERS[pair % 45] ?? "?");
  }
  return left ? text + (LETTERS[take(6)] ?? "?") : text;
}
