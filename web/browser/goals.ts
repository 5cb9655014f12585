// What a large fleet under way has to keep to, and whether it did.
import type { UnderWay } from "./fleet_figures.ts";

export interface Goal {
  name: string;
  /** As measured, the worst of it. */
  value: number;
  most: number;
  unit: string;
  met: boolean;
}

const PAINT_MS = 1000;
const WORK_MS = 10;
const TASK_MS = 50;
const ANSWER_MS = 100;
/** A heap that grows by less in a minute is flat: what is left after a collection is never quite the same. */
const HEAP_MB_PER_MIN = 0.5;
/** A shorter time says nothing of memory. */
export const MINUTES_FOR_MEMORY = 5;

/** Hold what was measured against the goals; memory only where it was watched for long enough. */
export function goalsOf(fleet: UnderWay, minutes: number): Goal[] {
  const goal = (name: string, values: readonly number[], most: number, unit: string): Goal => {
    const value = values.length > 0 ? Math.max(...values) : Number.NaN; // nothing was measured: not met
    return { name, value, most, unit, met: value <= most };
  };
  // a page that is being loaded has its own goal, the first paint of use: what it does for that is measured, not judged
  const running = Object.entries(fleet.traces).flatMap(([name, trace]) => (name.endsWith("loading") ? [] : [trace]));
  return [
    goal("first paint of use", [fleet.usefulPaintMs], PAINT_MS, "ms"),
    goal("work a frame, p95, running", running.map((trace) => trace.workP95Ms), WORK_MS, "ms"),
    goal("longest task, running", running.map((trace) => trace.longestTaskMs), TASK_MS, "ms"),
    ...Object.entries(fleet.answersMs).map(([name, took]) => goal(`${name}, the slowest answer`, took, ANSWER_MS, "ms")),
    ...(minutes >= MINUTES_FOR_MEMORY ? [goal("memory grows", [fleet.heapMbPerMin], HEAP_MB_PER_MIN, "MB a minute")] : []),
  ];
}
