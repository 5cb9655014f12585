// A trace of the browser's, in figures: the main thread's work for each frame, its longest task, the frames drawn.
import type { Browser, Page } from "playwright-core";

export interface Smoothness {
  seconds: number;
  framesPerS: number;
  /** Main-thread work in each sixtieth of a second, in ms of wall time and of the thread's own time. */
  workP50Ms: number;
  workP95Ms: number;
  workP95CpuMs: number;
  longestTaskMs: number;
  longestTaskCpuMs: number;
  tasksOver50Ms: number;
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

const SLOT_US = 1e6 / 60;
const CATEGORIES = [
  "devtools.timeline", "disabled-by-default-devtools.timeline", "devtools.timeline.frame",
  "disabled-by-default-devtools.timeline.frame", "toplevel",
];

/** Trace what the browser does during `act`. */
export async function traced(browser: Browser, page: Page, act: () => Promise<void>): Promise<Smoothness> {
  await browser.startTracing(page, { categories: CATEGORIES });
  let trace: Buffer;
  try {
    await act();
  } finally {
    trace = await browser.stopTracing();
  }
  return smoothness((JSON.parse(trace.toString("utf8")) as { traceEvents: TraceEvent[] }).traceEvents);
}

/** Read a trace. */
export function smoothness(events: TraceEvent[]): Smoothness {
  const main = busiest(events);
  const own = events.filter((event) => threadOf(event) === main).sort((a, b) => a.ts - b.ts);
  const tasks = own.filter((event) => event.name === "RunTask" && event.ph === "X");
  const drawn = events.filter((event) => event.name === "DrawFrame" && String(event.pid) === main.split("/")[0]);
  const [first, last] = [tasks[0]?.ts ?? 0, tasks.at(-1)?.ts ?? 0];
  const seconds = (last - first) / 1e6;
  const { work, cpu } = inSlots(tasks, first, last);
  const long = tasks.map((task) => (task.dur ?? 0) / 1000);
  return {
    seconds,
    framesPerS: drawn.length / seconds,
    workP50Ms: percentile(work, 50),
    workP95Ms: percentile(work, 95),
    workP95CpuMs: percentile(cpu, 95),
    longestTaskMs: Math.max(0, ...long),
    longestTaskCpuMs: Math.max(0, ...tasks.map((task) => (task.tdur ?? 0) / 1000)),
    tasksOver50Ms: long.filter((ms) => ms > 50).length,
  };
}

/** Share the tasks out among slots of a frame's length, in ms. */
function inSlots(tasks: TraceEvent[], first: number, last: number): { work: number[]; cpu: number[] } {
  const slots = Math.max(1, Math.ceil((last - first) / SLOT_US));
  const work = new Array<number>(slots).fill(0);
  const cpu = new Array<number>(slots).fill(0);
  for (const task of tasks) {
    const ends = task.ts + (task.dur ?? 0);
    const part = (task.tdur ?? 0) / Math.max(1, task.dur ?? 0);
    const slotOf = (ts: number) => Math.min(slots - 1, Math.max(0, Math.floor((ts - first) / SLOT_US)));
    for (let slot = slotOf(task.ts), end = slotOf(ends); slot <= end; slot++) {
      const from = slot === slotOf(task.ts) ? task.ts : first + slot * SLOT_US;
      const until = slot === end ? ends : first + (slot + 1) * SLOT_US;
      work[slot] = (work[slot] ?? 0) + Math.max(0, until - from) / 1000;
      cpu[slot] = (cpu[slot] ?? 0) + (Math.max(0, until - from) * part) / 1000;
    }
  }
  return { work, cpu };
}

/** Return the `per cent`-th of sorted values; 0 of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

function threadOf(event: TraceEvent): string {
  return `${event.pid}/${event.tid}`;
}

/** The main thread of the page: of the browser's several, the one that worked most. */
function busiest(events: TraceEvent[]): string {
  const mains = new Set(
    events
      .filter((event) => event.name === "thread_name" && event.args?.name === "CrRendererMain")
      .map(threadOf),
  );
  const work = new Map<string, number>();
  for (const event of events) {
    const thread = threadOf(event);
    if (event.name === "RunTask" && mains.has(thread)) work.set(thread, (work.get(thread) ?? 0) + (event.dur ?? 0));
  }
  const most = [...work].sort((a, b) => b[1] - a[1])[0];
  if (most === undefined) throw new Error("the trace has no main thread");
  return most[0];
}
