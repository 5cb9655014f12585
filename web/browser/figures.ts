// Figures of the page, as a table: what each page weighs, when it is of use, how it reads; and a fleet of many rigs under way.
//
// `make page-figures`; words: `--rigs 10000` `--minutes 10` `--rate 1000`, `--only weights` or `--only fleet`. The last line is
// JSON; it ends with 1 where a goal for the fleet is missed. Memory is judged from 5 minutes on.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { judged } from "./axe.ts";
import { simulatedRigs, threeRigs } from "./farm.ts";
import { fleetUnderWay, type UnderWay } from "./fleet_figures.ts";
import { tabbed } from "./focus.ts";
import { type Goal, goalsOf } from "./goals.ts";
import { startBrowser, StrictPage } from "./page.ts";
import { contextOf, LOOKS, PAGES, settled, type Seen } from "./seen.ts";
import { ROOT } from "./surroundings.ts";
import { weighed, type Weight } from "./weight.ts";
import type { Farm } from "./farm.ts";

const { values: words } = parseArgs({
  options: {
    rigs: { type: "string", default: "1000" },
    rate: { type: "string", default: "1000" },
    minutes: { type: "string", default: "0.5" },
    only: { type: "string" },
  },
});

const LOOK = LOOKS[0];

interface PageFigures extends Weight {
  name: string;
  violations: number;
  checked: number;
  unsure: number;
  lowestContrast: number;
  stops: number;
  namelessStops: number;
  unseenStops: number;
}

const browser = await startBrowser();
const result: { pages: PageFigures[]; fleet?: UnderWay; goals: Goal[] } = { pages: [], goals: [] };
const minutes = Number(words.minutes);
if (!(minutes > 0 && minutes <= 120)) throw new Error("--minutes is a number above 0 and at most 120");
try {
  if (words.only !== "fleet") {
    const farm = await threeRigs();
    try {
      for (const seen of PAGES) result.pages.push(await figuresOf(browser, farm, seen));
    } finally {
      await farm.end();
    }
    printPages(result.pages);
  }
  if (words.only !== "weights") {
    const farm = await simulatedRigs(Number(words.rigs), "--changes-per-second", words.rate);
    try {
      result.fleet = await fleetUnderWay(browser, farm, minutes);
    } finally {
      await farm.end();
    }
    printFleet(result.fleet);
    result.goals = goalsOf(result.fleet, minutes);
    printGoals(result.goals);
  }
} finally {
  await browser.close();
}
const file = join(ROOT, ".cache", "page-figures.json");
mkdirSync(join(ROOT, ".cache"), { recursive: true });
writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
console.log(`\n${JSON.stringify(result)}`);
if (!result.goals.every((goal) => goal.met)) process.exitCode = 1;

async function figuresOf(started: Browser, farm: Farm, seen: Seen): Promise<PageFigures> {
  if (LOOK === undefined) throw new Error("there is no look");
  const opened = await StrictPage.open(started, farm.origin, contextOf(LOOK));
  try {
    const weight = await weighed(opened.page, seen.path(farm), seen.useful);
    await settled(opened.page, seen.useful);
    const said = await judged(opened.page);
    const stops = await tabbed(opened.page);
    const problems = opened.takeProblems();
    if (problems.length > 0) throw new Error(`${seen.name}: ${problems.join("; ")}`);
    return {
      name: seen.name,
      ...weight,
      violations: said.violations.length,
      checked: total(said.passes),
      unsure: total(said.unsure),
      lowestContrast: Math.min(...said.contrasts),
      stops: stops.length,
      namelessStops: stops.filter((stop) => !stop.name.includes(" ")).length,
      unseenStops: stops.filter((stop) => !stop.visible).length,
    };
  } finally {
    await opened.close();
  }
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function printPages(pages: PageFigures[]): void {
  console.log(
    "| page | requests until of use | kB | gzipped kB | gzipped kB with all other pages | API requests | first paint ms | of use ms | axe: wrong / good / unsure | lowest contrast | Tab stops (no name, not seen) |",
  );
  console.log("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
  for (const page of pages) {
    const cells = [
      page.name, page.needed.requests, kB(page.needed.raw), kB(page.needed.sent), kB(page.files.sent), page.data.requests,
      page.firstPaintMs.toFixed(0), page.usefulPaintMs.toFixed(0),
      `${page.violations} / ${page.checked} / ${page.unsure}`, `${page.lowestContrast.toFixed(1)} : 1`,
      `${page.stops} (${page.namelessStops}, ${page.unseenStops})`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

function printFleet(fleet: UnderWay): void {
  console.log(`\n${fleet.rigs} rigs\n\n| what | frames/s | work a frame p50 / p95 ms (p95 of CPU) | longest task ms (CPU) | tasks over 50 ms |`);
  console.log("|---|---:|---:|---:|---:|");
  for (const [name, each] of Object.entries(fleet.traces)) {
    const cells = [
      name, each.framesPerS.toFixed(0), `${ms(each.workP50Ms)} / ${ms(each.workP95Ms)} (${ms(each.workP95CpuMs)})`,
      `${ms(each.longestTaskMs)} (${ms(each.longestTaskCpuMs)})`, each.tasksOver50Ms,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log(`\nfirst paint of use: ${fleet.usefulPaintMs.toFixed(0)} ms; while the fleet begins: ${fleet.usefulPaintAtStartMs.toFixed(0)} ms`);
  for (const [name, took] of Object.entries(fleet.answersMs)) console.log(`${name}: ${took.map((each) => each.toFixed(0)).join(", ")} ms`);
  console.log(`memory: ${fleet.heapMb.map((each) => each.toFixed(1)).join(", ")} MB (${fleet.heapMbPerMin.toFixed(2)} MB a minute)`);
}

function printGoals(goals: readonly Goal[]): void {
  console.log("\n| goal | at most | measured | met |\n|---|---:|---:|---|");
  for (const { name, most, value, unit, met } of goals) console.log(`| ${name} | ${most} ${unit} | ${value.toFixed(1)} ${unit} | ${met ? "yes" : "NO"} |`);
}

function kB(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}

function ms(value: number): string {
  return value.toFixed(1);
}
