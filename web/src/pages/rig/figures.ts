/** A miner's numbers as they are shown. */

import { whole } from "../../format/whole";
import { efficiency, hashrate, measured, percent, power, significant } from "../../format/hashrate";
import { span } from "../../format/times";
import { rig as t } from "../../texts";
import type { Miner } from "./watched.svelte";

export interface Figure {
  name: string;
  text: string;
  /** For who looks closer. */
  exact?: string;
  /** `bad`, or `few`: less than it could be. */
  kind?: "bad" | "few" | "";
  wide?: boolean;
}

const MUCH_REJECTED = 0.05;
const f = t.figures;
const number = (value: number | undefined) => whole(value ?? 0);

export function sharesOf(miner: Miner): Figure[] {
  const [accepted, rejected] = [miner.shares ?? 0, miner.rejected ?? 0];
  const all = accepted + rejected;
  return [
    { name: f.accepted, text: number(accepted) },
    { name: f.rejected, text: number(rejected) },
    { name: f.stale, text: number(miner.stale) },
    { name: f.invalid, text: number(miner.invalid) },
    { name: f.rejectedRate, text: percent(rejected, all), kind: rejected > 0 && rejected >= MUCH_REJECTED * all ? "bad" : "" },
  ];
}

export function restOf(miner: Miner): Figure[] {
  const watts = (miner.devices ?? []).reduce((sum, device) => sum + (device.powerW ?? 0), 0);
  const { difficulty, hugePages, poolPingMs, msr, hashrate: hps } = miner;
  const found: (Figure | false)[] = [
    { name: f.algorithm, text: miner.algorithm || "–" },
    { name: f.uptime, text: miner.uptime ? span(miner.uptime * 1000) : "–" },
    { name: f.version, text: miner.version && miner.version !== miner.type ? `${miner.type} ${miner.version}` : miner.type },
    { name: f.pool, text: miner.pool || "–", wide: true },
    { name: f.poolPing, text: poolPingMs == null ? "–" : t.ms(poolPingMs) },
    Boolean(miner.poolFailures) && { name: f.poolFailures, text: number(miner.poolFailures) },
    difficulty == null ? { name: f.difficulty, text: "–" } : { name: f.difficulty, text: short(difficulty), exact: number(difficulty) },
    hugePages != null && { name: f.hugePages, text: t.of(hugePages.got, hugePages.wanted), kind: hugePages.got < hugePages.wanted ? "few" : "" },
    msr != null && { name: f.msr, text: msr ? t.yes : t.no, kind: msr ? "" : "few" },
    watts > 0 && { name: f.power, text: measured(power(watts)) },
    watts > 0 && hps != null && { name: f.efficiency, text: measured(efficiency(hps, watts)), exact: `${measured(hashrate(hps))}, ${measured(power(watts))}` },
  ];
  return found.filter((figure) => figure !== false);
}

/** A difficulty with three digits: `5.40k`. */
function short(value: number): string {
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (value >= size) return `${significant(value / size)}${letter}`;
  }
  return significant(value);
}
