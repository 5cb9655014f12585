// Pictures made small: a screenshot's colours, few as they are, become a palette.
import { crc32, deflateSync, inflateSync } from "node:zlib";

export interface Picture {
  width: number;
  height: number;
  /** Red, green and blue of each dot. */
  dots: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MOST_COLOURS = 256;

/** Return a PNG of the same picture with at most 256 colours. Takes what Chromium writes: 8 bits a channel, no interlace. */
export function smaller(png: Buffer): Buffer {
  const picture = decoded(png);
  const { palette, indexOf } = paletteOf(picture.dots);
  const rows = Buffer.alloc((picture.width + 1) * picture.height); // each row begins with its filter: none
  for (let y = 0, from = 0; y < picture.height; y++) {
    for (let x = 0, to = y * (picture.width + 1) + 1; x < picture.width; x++, from += 3) {
      rows[to + x] = indexOf(colourAt(picture.dots, from));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(picture.width, 0);
  head.writeUInt32BE(picture.height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const parts = [chunk("IHDR", head), chunk("PLTE", palette), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND")];
  return Buffer.concat([SIGNATURE, ...parts]);
}

function colourAt(dots: Uint8Array, at: number): number {
  return ((dots[at] ?? 0) << 16) | ((dots[at + 1] ?? 0) << 8) | (dots[at + 2] ?? 0);
}

/** Cut the colours into boxes by the channel that differs most, the fullest box first; each becomes its average. */
function paletteOf(dots: Uint8Array): { palette: Buffer; indexOf: (colour: number) => number } {
  const counts = new Map<number, number>();
  for (let at = 0; at < dots.length; at += 3) {
    const colour = colourAt(dots, at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const boxes: number[][] = [[...counts.keys()]];
  while (boxes.length < MOST_COLOURS) {
    const widest = boxes
      .map((box, at) => ({ at, box, ...spread(box) }))
      .filter(({ box }) => box.length > 1)
      .reduce<{ at: number; shift: number; width: number; box: number[] } | null>(
        (most, each) => (most === null || weight(each) > weight(most) ? each : most), null,
      );
    if (widest === null) break;
    const sorted = widest.box.sort((a, b) => ((a >> widest.shift) & 255) - ((b >> widest.shift) & 255));
    const half = sorted.length >> 1;
    boxes.splice(widest.at, 1, sorted.slice(0, half), sorted.slice(half));
  }
  const palette = Buffer.alloc(boxes.length * 3);
  const index = new Map<number, number>();
  for (const [number, box] of boxes.entries()) {
    palette.set(average(box, counts), number * 3);
    for (const colour of box) index.set(colour, number);
  }
  return { palette, indexOf: (colour) => index.get(colour) ?? 0 };

  function weight({ box, width }: { box: number[]; width: number }): number {
    return width * width * Math.log2(1 + box.reduce((sum, colour) => sum + (counts.get(colour) ?? 0), 0));
  }
}

function spread(box: number[]): { shift: number; width: number } {
  return [16, 8, 0]
    .map((shift) => {
      let [low, high] = [255, 0];
      for (const colour of box) {
        const value = (colour >> shift) & 255;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      return { shift, width: high - low };
    })
    .reduce((most, each) => (each.width > most.width ? each : most));
}

function average(box: number[], counts: Map<number, number>): number[] {
  let [sum, red, green, blue] = [0, 0, 0, 0];
  for (const colour of box) {
    const count = counts.get(colour) ?? 0;
    sum += count;
    red += count * (colour >> 16);
    green += count * ((colour >> 8) & 255);
    blue += count * (colour & 255);
  }
  return [red, green, blue].map((channel) => Math.round(channel / sum));
}

export function decoded(png: Buffer): Picture {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error("this is no PNG");
  let head = Buffer.alloc(0);
  const packed: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const content = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") head = Buffer.from(content);
    if (kind === "IDAT") packed.push(content);
    at += 12 + length;
  }
  const [width, height, depth, kind, interlaced] = [head.readUInt32BE(0), head.readUInt32BE(4), head[8], head[9], head[12]];
  const channels = kind === 6 ? 4 : 3;
  if (depth !== 8 || (kind !== 6 && kind !== 2) || interlaced !== 0) throw new Error("this is a PNG of another kind");
  return { width, height, dots: withoutFilters(inflateSync(Buffer.concat(packed)), width, height, channels) };
}

function withoutFilters(raw: Buffer, width: number, height: number, channels: number): Uint8Array {
  const length = width * channels;
  let before: Uint8Array = new Uint8Array(length);
  const dots = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (length + 1)] ?? 0;
    const row = Uint8Array.from(raw.subarray(y * (length + 1) + 1, (y + 1) * (length + 1)));
    for (let x = 0; x < length; x++) {
      const left = x >= channels ? (row[x - channels] ?? 0) : 0;
      const above = before[x] ?? 0;
      const corner = x >= channels ? (before[x - channels] ?? 0) : 0;
      row[x] = (row[x] ?? 0) + predicted(filter, left, above, corner); // modulo 256: it is a byte
    }
    for (let x = 0; x < width; x++) dots.set(row.subarray(x * channels, x * channels + 3), (y * width + x) * 3);
    before = row;
  }
  return dots;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 0: return 0;
    case 1: return left;
    case 2: return above;
    case 3: return (left + above) >> 1;
    default: return paeth(left, above, corner);
  }
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function chunk(kind: string, content: Buffer = Buffer.alloc(0)): Buffer {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const whole = Buffer.alloc(named.length + 8);
  whole.writeUInt32BE(content.length, 0);
  whole.set(named, 4);
  whole.writeUInt32BE(crc32(named), named.length + 4);
  return whole;
}
