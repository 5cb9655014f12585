/** Rigs in words, and which of them needs somebody next. */

import { hashrate, measured } from "../../format/hashrate";
import { span } from "../../format/times";
import { clock } from "../../live/clock.svelte";
import type { Rig } from "../../live/live.svelte";
import { overview, states } from "../../texts";

/** Most lines of hashrate that are named of one rig. */
const MOST_RATES = 3;

/** Hashrates by algorithm, the first few; never their sum. */
export function ratesOf(rig: Rig): [algorithm: string, hps: number][] {
  return Object.entries(rig.hashrate)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MOST_RATES);
}

export function sinceWords(rig: Rig): string {
  return rig.sinceMs === null ? "" : overview.wall.since(span(Math.max(0, clock.now - rig.sinceMs)));
}

/** A rig in one sentence, for who does not see the wall. */
export function rigWords(rig: Rig): string {
  return [
    rig.name,
    [states[rig.state], sinceWords(rig)].filter(Boolean).join(" "),
    ...ratesOf(rig).map(([algorithm, hps]) => `${measured(hashrate(hps))} ${algorithm}`),
    rig.problem,
  ]
    .filter(Boolean)
    .join(", ");
}

/** The next rig after `from` that is in trouble or offline, in the order of `ids`, from the beginning again at the end. */
export function nextInTrouble(ids: readonly string[], rows: ReadonlyMap<string, Rig>, from: string | undefined): string | undefined {
  const start = from === undefined ? -1 : ids.indexOf(from);
  for (const wanted of ["trouble", "offline"]) {
    for (let step = 1; step <= ids.length; step++) {
      const id = ids[(start + step + ids.length) % ids.length] ?? "";
      if (rows.get(id)?.state === wanted) return id;
    }
  }
  return undefined;
}
