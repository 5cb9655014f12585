/** What a chart asks the history for. */

import type { Schemas } from "../../api/requests";
import type { Series, Window } from "../../parts/chart/data";
import type { What } from "./watched.svelte";

export const RANGES = { "5m": 300_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "7d": 604_800_000, "30d": 2_592_000_000 } as const;
export type Range = keyof typeof RANGES;
export const WHATS: readonly What[] = ["hashrate", "shares", "temperature", "power"];

export function rangeOf(said: string | null): Range {
  return said !== null && Object.hasOwn(RANGES, said) ? (said as Range) : "1h";
}

export function whatOf(said: string | null): What {
  return WHATS.find((each) => each === said) ?? "hashrate";
}

/** The window that an address names, if it names one. */
export function windowOf(from: string | null, to: string | null): Window | null {
  const [start, end] = [Number(from ?? NaN), Number(to ?? NaN)];
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end - start >= 1000 ? { from: start, to: end } : null;
}

type Sample = Schemas["HashratePointView"];

/** Time between two samples of a rig (ms). */
const SAMPLE_MS = 10_000;

/**
 * Samples as lines, a bucket for each round: finer than the history's own lines, for short times. Rounds are kept by the
 * last of them, so that one that comes a little late still has its bucket.
 */
export function sampled(samples: readonly Sample[], what: What, from: number, to: number): Series {
  const phase = (samples.at(-1)?.atMs ?? to) - SAMPLE_MS / 2;
  const startMs = phase - Math.ceil((phase - from) / SAMPLE_MS) * SAMPLE_MS;
  const points = Math.max(1, Math.ceil((to - startMs) / SAMPLE_MS));
  const lines = new Map<string, (number | null)[]>();
  const add = (name: string, at: number, value: number | null) => {
    if (value === null || at < 0 || at >= points) return;
    const line = lines.get(name) ?? new Array<number | null>(points).fill(null);
    line[at] = (line[at] ?? 0) + value;
    lines.set(name, line);
  };
  const seen = new Set<string>();
  for (const sample of samples) {
    const at = Math.floor((sample.atMs - startMs) / SAMPLE_MS);
    if (seen.has(`${at} ${sample.miner}`) && what !== "shares") continue; // two rounds in one bucket: the first stands
    seen.add(`${at} ${sample.miner}`);
    if (what === "hashrate") add(sample.algorithm, at, sample.state === "mining" && sample.algorithm ? sample.hashrate : null);
    else if (what === "temperature") add(sample.miner, at, sample.temperatureC);
    else if (what === "power") add(sample.miner, at, sample.powerW);
    else {
      add("accepted", at, sample.shares);
      add("rejected", at, sample.rejected);
    }
  }
  return {
    what, unit: UNITS[what], startMs, stepMs: SAMPLE_MS, points, table: "samples", offline: [],
    lines: [...lines].map(([name, values]) => ({ name, values })),
  };
}

export const UNITS: Readonly<Record<What, string>> = { hashrate: "H/s", shares: "shares", temperature: "°C", power: "W" };

/** One miner's points as a series. */
export function ofMiner(points: readonly Schemas["HistoryPointView"][], algorithm: string): Series {
  const times = points.map((point) => Date.parse(point.timestamp));
  const startMs = times[0] ?? 0;
  const stepMs = times.length > 1 ? (times[1] ?? 0) - startMs : SAMPLE_MS;
  const names = [...new Set(points.map((point) => point.algorithm).filter((name): name is string => Boolean(name)))];
  const lines = (names.length ? names : [algorithm]).map((name) => ({
    name,
    values: points.map((point) => (point.algorithm === name ? point.hashrate : null)),
  }));
  return { what: "hashrate", unit: "H/s", startMs, stepMs, points: points.length, table: "", offline: [], lines };
}
