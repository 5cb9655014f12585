/** A rig's last hours as a band: what is drawn of it, and what is said of it. Pure. */

import type { Schemas } from "../../api/requests";

export type BandEvent = Schemas["BandEventView"];
export type Line = Schemas["LineView"];

/** A rig's band with the time that its buckets cover. */
export interface RigBand {
  startMs: number;
  stepMs: number;
  /** A letter for each bucket: m, p, i, t, o, - (see `BandView`). */
  states: string;
  hashrate: readonly Line[];
  events: readonly BandEvent[];
  earlierEvents: boolean;
}

export type Letter = "m" | "p" | "i" | "t" | "o" | "-";
const LETTERS = "mpito-";

/** Buckets that follow each other and are alike. */
export interface Run {
  letter: Letter;
  from: number;
  length: number;
}

export function runsOf(states: string): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < states.length; at++) {
    const said = states[at] ?? "-";
    const letter = (LETTERS.includes(said) ? said : "-") as Letter;
    const last = runs.at(-1);
    if (last?.letter === letter) last.length += 1;
    else runs.push({ letter, from: at, length: 1 });
  }
  return runs;
}

/** Where a state is drawn in its bucket, 8 high: what is wrong is whole, what rests is low. */
const SHAPES: Readonly<Partial<Record<Letter, readonly [top: number, height: number]>>> = { m: [0, 8], p: [4, 4], i: [6.5, 1.5], t: [0, 8], o: [0, 8] };

/** The states as SVG paths in a box `states.length` wide and 8 high, one for each state there is: a long table draws many. */
export function shapesOf(states: string): { letter: Letter; path: string }[] {
  const paths = new Map<Letter, string>();
  for (const { letter, from, length } of runsOf(states)) {
    const shape = SHAPES[letter];
    if (!shape) continue;
    const [top, height] = shape;
    // offline is a frame: a box within the other the other way round
    const hole = letter === "o" ? `M${from} 2v4h${length}v-4z` : "";
    paths.set(letter, `${paths.get(letter) ?? ""}M${from} ${top}h${length}v${height}h-${length}z${hole}`);
  }
  return [...paths].map(([letter, path]) => ({ letter, path }));
}

/** How long the rig was in each state (ms), what lasted longest first; what is not known comes last. */
export function lasted(states: string, stepMs: number): { letter: Letter; ms: number }[] {
  const sums = new Map<Letter, number>();
  for (const run of runsOf(states)) sums.set(run.letter, (sums.get(run.letter) ?? 0) + run.length * stepMs);
  return [...sums]
    .map(([letter, ms]) => ({ letter, ms }))
    .sort((a, b) => Number(a.letter === "-") - Number(b.letter === "-") || b.ms - a.ms);
}

/** How many lines are drawn: each has its own scale, more would be a tangle. */
const MOST_LINES = 3;

/**
 * The hashrate as SVG paths, a path for each algorithm, in a box `states.length` wide and `height` high with its zero
 * at the bottom. Each algorithm has its own scale. Where nothing is known the path ends, and begins anew behind it.
 */
export function pathsOf(lines: readonly Line[], height: number): string[] {
  return lines
    .filter((line) => line.values.some((value) => value !== null && value > 0))
    .slice(0, MOST_LINES)
    .map((line) => pathOf(line.values, height));
}

function pathOf(values: readonly (number | null)[], height: number): string {
  const most = values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0) || 1;
  let path = "";
  let drawing = false;
  values.forEach((value, at) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const y = (height * (1 - value / most)).toFixed(1);
    // a step for each bucket: the mean of a time holds for all of it, and a lone one is seen
    path += drawing ? `V${y}H${at + 1}` : `M${at} ${y}H${at + 1}`;
    drawing = true;
  });
  return path;
}

/** Events that are told together: on a narrow band one tick has room for one. */
export interface Tick {
  /** Its place, 0 at the beginning and 1 at the end. */
  at: number;
  bucket: number;
  events: BandEvent[];
  /** Something went wrong. */
  bad: boolean;
}

const BAD = new Set(["crashed", "gave_up", "watchdog", "refused"]);
const TICKS = 96;

/** What happened, where it is on the band; events that fall upon each other share a tick. */
export function ticksOf(band: RigBand): Tick[] {
  const length = band.states.length * band.stepMs;
  const ticks = new Map<number, Tick>();
  for (const event of band.events) {
    const at = (event.atMs - band.startMs) / length;
    if (!(at >= 0 && at <= 1)) continue;
    const place = Math.round(at * TICKS);
    const bucket = Math.min(band.states.length - 1, Math.floor(at * band.states.length));
    const tick = ticks.get(place) ?? { at: place / TICKS, bucket, events: [], bad: false };
    tick.events.push(event);
    tick.bad ||= BAD.has(event.kind);
    ticks.set(place, tick);
  }
  return [...ticks.values()].sort((a, b) => a.at - b.at);
}

/** The places at which a step by keyboard stops: where the state changes, and where something happened. */
export function stopsOf(band: RigBand): number[] {
  const stops = new Set(runsOf(band.states).map((run) => run.from));
  for (const tick of ticksOf(band)) stops.add(tick.bucket);
  stops.add(band.states.length - 1);
  return [...stops].sort((a, b) => a - b);
}
