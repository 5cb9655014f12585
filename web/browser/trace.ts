// A trace of the browser's, in figures: the main thread's work for each frame, its longest task, the frames drawn.
import type { Browser, Page } from "playwright-core";

export interface Smoothness {
  seconds: number;
  framesPerS: number;
  /** Main-thread work between two frames, in ms of wall time and of the thread's own time. */
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
  const frames = own.filter((event) => event.name === "BeginMainThreadFrame").map((event) => event.ts);
  const drawn = events.filter((event) => event.name === "DrawFrame" && String(event.pid) === main.split("/")[0]);
  const [first, last] = [tasks[0]?.ts ?? 0, tasks.at(-1)?.ts ?? 0];
  const seconds = (last - first) / 1e6;
  const work = frames.map(() => 0);
  const cpu = frames.map(() => 0);
  let at = 0;
  for (const task of tasks) {
    while (at + 1 < frames.length && (frames[at + 1] ?? Infinity) <= task.ts) at++;
    if (task.ts < (frames[0] ?? Infinity)) continue;
    work[at] = (work[at] ?? 0) + (task.dur ?? 0) / 1000;
    cpu[at] = (cpu[at] ?? 0) + (task.tdur ?? 0) / 1000;
  }
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
