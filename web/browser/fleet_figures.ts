// A large fleet under way: how the page keeps up while it is scrolled, searched, sorted, and left open.
import type { Browser, Page } from "playwright-core";
import type { Farm } from "./farm.ts";
import { StrictPage } from "./page.ts";
import { traced, type Smoothness } from "./trace.ts";
import { sleep, until } from "./waiting.ts";
import { weighed } from "./weight.ts";

export interface UnderWay {
  rigs: string;
  /** While the fleet has just come, is being backfilled, and two jobs deploy and restart. */
  usefulPaintAtStartMs: number;
  usefulPaintMs: number;
  traces: Record<string, Smoothness>;
  /** From the press of a key or button to the frame that answers it. */
  answersMs: Record<string, number[]>;
  heapMb: number[];
  heapMbPerMin: number;
}

const SIZE = { width: 1440, height: 900 };
/** The wall with its cells, or the rigs where they are few: the heading alone says nothing. */
const USEFUL = 'main canvas:not([style*="width: 0px"]), section[aria-labelledby="rigs-title"] a';
const TRACED_MS = 10_000;
const SCROLL_PX_PER_S = 1200;

declare global {
  interface Window {
    answersMs?: number[];
  }
}

/** Measure the overview and the table of nodes; memory for so many minutes. */
export async function fleetUnderWay(browser: Browser, farm: Farm, minutes: number): Promise<UnderWay> {
  const opened = await StrictPage.open(browser, farm.origin, { viewport: SIZE });
  const { page } = opened;
  page.setDefaultTimeout(120_000);
  try {
    await page.addInitScript(noteAnswers);
    const traces: Record<string, Smoothness> = {};
    const { usefulPaintMs: usefulPaintAtStartMs } = await firstVisit(browser, farm);
    await jobsEnded(farm);
    let usefulPaintMs = 0;
    traces["wall, loading"] = await traced(browser, page, async () => {
      ({ usefulPaintMs } = await weighed(page, "/", USEFUL));
      await wholeFleet(page, Number(farm.name));
    });
    await sleep(3_000);
    traces["wall, left alone"] = await traced(browser, page, () => sleep(TRACED_MS));
    traces["wall, scrolled"] = await traced(browser, page, () => scrolled(page));
    traces["table, loading"] = await traced(browser, page, async () => {
      await page.goto("/nodes");
      await page.getByRole("row").nth(5).waitFor();
      await sleep(3_000);
    });
    await sleep(3_000);
    traces["table, left alone"] = await traced(browser, page, () => sleep(TRACED_MS));
    traces["table, scrolled"] = await traced(browser, page, () => scrolled(page));
    const answersMs = { search: await searched(page), sort: await sorted(page) };
    await page.goto("/");
    const { heapMb, perMin } = await heap(page, minutes);
    const problems = opened.takeProblems();
    if (problems.length > 0) throw new Error(problems.join("; "));
    return { rigs: farm.name, usefulPaintAtStartMs, usefulPaintMs, traces, answersMs, heapMb, heapMbPerMin: perMin };
  } finally {
    await opened.close();
  }
}

/** Somebody opens the overview for the first time: nothing is cached. */
async function firstVisit(browser: Browser, farm: Farm): Promise<{ usefulPaintMs: number }> {
  const opened = await StrictPage.open(browser, farm.origin, { viewport: SIZE });
  try {
    return await weighed(opened.page, "/", USEFUL);
  } finally {
    await opened.close();
  }
}

/** The fleet begins with two jobs: it is under way when they have ended. */
async function jobsEnded(farm: Farm): Promise<void> {
  await until("the jobs to end", async () => {
    const answer = await fetch(`${farm.origin}/api/v1/mining/jobs`);
    return ((await answer.json()) as { state: string }[]).every((job) => job.state !== "running");
  }, 120_000);
  await sleep(5_000);
}

/** Wait until the heading of the wall counts all rigs: the snapshot is whole. */
async function wholeFleet(page: Page, rigs: number): Promise<void> {
  await page.waitForFunction(
    (least) => Number((document.querySelector("#rigs-title")?.textContent ?? "").replace(/\D/g, "")) >= least,
    rigs,
  );
  await sleep(1_000);
}

/** Scroll down and up as a wheel does, at a reader's speed. */
async function scrolled(page: Page): Promise<void> {
  const debugging = await page.context().newCDPSession(page);
  const yDistance = -Math.round((SCROLL_PX_PER_S * TRACED_MS) / 2000);
  const gesture = { x: SIZE.width / 2, y: SIZE.height * 0.7, speed: SCROLL_PX_PER_S, gestureSourceType: "mouse" } as const;
  await debugging.send("Input.synthesizeScrollGesture", { ...gesture, yDistance });
  await debugging.send("Input.synthesizeScrollGesture", { ...gesture, yDistance: -yDistance });
  await debugging.detach();
}

async function searched(page: Page): Promise<number[]> {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.getByRole("searchbox").first().focus();
  await page.evaluate(() => (window.answersMs = []));
  for (const letter of "rig-77") {
    await page.keyboard.press(letter);
    await sleep(400);
  }
  for (let letter = 0; letter < 6; letter++) {
    await page.keyboard.press("Backspace");
    await sleep(400);
  }
  return answers(page);
}

async function sorted(page: Page): Promise<number[]> {
  await page.evaluate(() => (window.answersMs = []));
  const heads = page.getByRole("columnheader").getByRole("button");
  for (let at = 0; at < Math.min(4, await heads.count()); at++) {
    await heads.nth(at).click();
    await sleep(500);
    await heads.nth(at).click();
    await sleep(500);
  }
  return answers(page);
}

async function answers(page: Page): Promise<number[]> {
  await sleep(500);
  return (await page.evaluate(() => window.answersMs)) ?? [];
}

/** In the page: note how long each key and click waited for its frame (those below 16 ms are not told by the browser). */
function noteAnswers(): void {
  window.answersMs = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (["keydown", "click"].includes(entry.name)) window.answersMs?.push(entry.duration);
    }
  }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
}

async function heap(page: Page, minutes: number): Promise<{ heapMb: number[]; perMin: number }> {
  const debugging = await page.context().newCDPSession(page);
  await debugging.send("Performance.enable");
  await debugging.send("HeapProfiler.enable");
  const steps = Math.max(3, Math.ceil(minutes));
  const heapMb: number[] = [];
  for (let step = 0; step <= steps; step++) {
    if (step > 0) await sleep((minutes * 60_000) / steps);
    await debugging.send("HeapProfiler.collectGarbage");
    const { metrics } = await debugging.send("Performance.getMetrics");
    heapMb.push((metrics.find((each) => each.name === "JSHeapUsedSize")?.value ?? 0) / 1e6);
  }
  await debugging.detach();
  return { heapMb, perMin: slope(heapMb.slice(1)) * (steps / minutes) };
}

/** The slope of the straight line that fits values one step apart. */
function slope(values: number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [above, below] = [0, 0];
  for (const [at, value] of values.entries()) {
    above += (at - middle) * (value - mean);
    below += (at - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
