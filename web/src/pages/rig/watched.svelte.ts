/** One rig as this page follows it. */

import { live, type RigDetail } from "../../live/live.svelte";
import { clock } from "../../live/clock.svelte";
import type { TailPoint } from "../../parts/chart/data";
import { distinct } from "../../parts/distinct";

export type Miner = RigDetail["miners"][number];
export type What = "hashrate" | "shares" | "temperature" | "power";

/** Numbers that are older than this are shown as old. */
const OLD_S = 30;

export class Watched {
  /** `undefined`: nothing yet; `null`: it was removed. */
  detail = $state.raw<RigDetail | null | undefined>(undefined);
  /** Why it cannot be followed; empty while it can. */
  ended = $state("");
  /** What came live; each is a moment with all lines of the charts, as `tailOf` names them. */
  heard = $state.raw<readonly Moment[]>([]);
  #at = $state(0);

  /** Age of the numbers in seconds; `null` where there never were any. */
  ageS = $derived.by(() => (this.detail?.ageS == null ? null : this.detail.ageS + Math.max(0, clock.now - this.#at) / 1000));
  /** The numbers are not of now. */
  old = $derived(this.detail ? !this.detail.connected || this.ageS === null || this.ageS > OLD_S : false);

  constructor(readonly id: string) {}

  follow(): () => void {
    return live.followRig(
      this.id,
      (detail) => {
        this.#at = clock.now;
        this.detail = detail && withDistinctMiners(detail);
        this.ended = "";
        if (detail?.connected && detail.ageS !== null && detail.ageS < OLD_S) this.#note(this.detail ?? detail);
      },
      (reason) => (this.ended = reason),
    );
  }

  /** Forget what came live before `atMs`: the history has it. */
  forget(atMs: number): void {
    this.heard = this.heard.filter((moment) => moment.atMs >= atMs);
  }

  #note(detail: RigDetail): void {
    const atMs = clock.now - (detail.ageS ?? 0) * 1000;
    this.heard = [...this.heard.slice(-MOST_MOMENTS), momentOf(detail, atMs)];
  }
}

/** A miner is called by its name: of two that a rig calls alike there is one. */
function withDistinctMiners(detail: RigDetail): RigDetail {
  return { ...detail, miners: distinct(detail.miners, (miner) => miner.name) };
}

const MOST_MOMENTS = 1500;

export interface Moment {
  atMs: number;
  hashrate: Record<string, number>;
  temperature: Record<string, number>;
  power: Record<string, number>;
}

/** What a rig's numbers are on its charts: names of lines are those of the history. */
export function momentOf(detail: RigDetail, atMs: number): Moment {
  const moment: Moment = { atMs, hashrate: named(), temperature: named(), power: named() };
  const cpu = detail.machine?.cpuTemperatureC;
  if (cpu != null) moment.temperature["cpu"] = cpu;
  for (const miner of detail.miners) {
    if (miner.state === "mining" && miner.hashrate != null && miner.algorithm) {
      moment.hashrate[miner.algorithm] = (moment.hashrate[miner.algorithm] ?? 0) + miner.hashrate;
    }
    const degrees = known(miner.devices?.map((device) => device.temperatureC));
    if (degrees.length) moment.temperature[miner.name] = Math.max(...degrees);
    const watts = known(miner.devices?.map((device) => device.powerW));
    if (watts.length) moment.power[miner.name] = watts.reduce((sum, each) => sum + each, 0);
  }
  return moment;
}

/** Numbers by names that come from a rig: none of them (`constructor`, `__proto__`) is there before. */
function named(): Record<string, number> {
  return Object.create(null) as Record<string, number>;
}

function known(values: (number | null | undefined)[] | undefined): number[] {
  return (values ?? []).filter((value): value is number => value != null);
}

/** The live end of a chart; shares are counted by the history alone. */
export function tailOf(heard: readonly Moment[], what: What): TailPoint[] {
  return what === "shares" ? [] : heard.map((moment) => ({ atMs: moment.atMs, values: moment[what] }));
}
