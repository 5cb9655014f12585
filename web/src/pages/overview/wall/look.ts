/** How a rig's cell looks, as one number: cells whose number stays are not drawn again. Pure. */

import type { Rig } from "../../../live/live.svelte";

export const STATES = ["mining", "paused", "idle", "trouble", "offline"] as const;

/** From these parts of its baseline on a rig's tint is a step darker. */
export const STEPS = [0.5, 0.7, 0.85, 0.95] as const;
export const LEVELS = STEPS.length + 1;

export type Mark = "none" | "warned" | "hot";
const MARKS: readonly Mark[] = ["none", "warned", "hot"];

const HOT_C = 90;

/** The step of a rig's tint: its hashrate against its own baseline, full where none is known. */
export function levelOf(rig: Rig): number {
  const part = rig.ofBaseline;
  return part === null ? STEPS.length : STEPS.reduce((level, step) => level + Number(part >= step), 0);
}

export function isHot(rig: Rig): boolean {
  return rig.problemCode === "hot" || (rig.temperatureC ?? 0) >= HOT_C;
}

/** Problems of which somebody should know, and which cost nothing. */
const NOTICES = new Set(["profile", "clock", "pairing"]);

function isWarned(rig: Rig): boolean {
  return rig.problem !== "" && !NOTICES.has(rig.problemCode) && rig.state !== "trouble" && rig.state !== "offline";
}

export function lookOf(rig: Rig): number {
  const state = STATES.indexOf(rig.state);
  const level = rig.state === "mining" ? levelOf(rig) : 0;
  const mark = isHot(rig) ? 2 : isWarned(rig) ? 1 : 0;
  return (Math.max(0, state) * LEVELS + level) * MARKS.length + mark;
}

export function partsOf(look: number): { state: (typeof STATES)[number]; level: number; mark: Mark } {
  const mark = MARKS[look % MARKS.length] ?? "none";
  const rest = Math.floor(look / MARKS.length);
  return { state: STATES[Math.floor(rest / LEVELS)] ?? "offline", level: rest % LEVELS, mark };
}
