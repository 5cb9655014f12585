// Pictures of every page, in every width and both themes, with three rigs and with a thousand; the best few for the docs.
// Of the widest in light and the narrowest in dark also the whole page, however long, and what lies behind tabs.
//
// `make screenshots`; words: `--only NAME` (pages), `--rigs 3`, `1000`, `docs` or `wall`, `--no-docs`.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { simulatedRigs, threeRigs, type Farm } from "./farm.ts";
import { StrictPage, startBrowser } from "./page.ts";
import { smaller } from "./png.ts";
import { contextOf, LOOKS, PAGES, PARTS, settled, WIDEST_AND_NARROWEST, type Look, type Seen } from "./seen.ts";
import { ROOT } from "./surroundings.ts";

const FOLDER = join(ROOT, ".cache", "screenshots");
const DOCS = join(ROOT, "docs", "assets", "screenshots");
const MOST_BYTES = 150 * 1024;

/** Who is looked at. The first two with all pages, in all widths and themes; the others for the docs alone. */
const FARMS: readonly { name: string; start: () => Promise<Farm> }[] = [
  { name: "3", start: threeRigs },
  { name: "1000", start: () => simulatedRigs(1000, "--hostile") },
  { name: "docs", start: () => simulatedRigs(12, "--nobody-waits") },
  { name: "wall", start: () => simulatedRigs(1000, "--nobody-waits") },
];

/** Which pictures the docs show, by their names here and there. */
const CHOSEN: Readonly<Record<string, string>> = {
  "docs/nodes-1440-light": "nodes",
  "docs/overview-1440-light": "overview-light",
  "docs/overview-1440-dark": "overview-dark",
  "docs/rig-1440-light": "rig",
  "docs/overview-390-light": "phone",
  "wall/overview-1440-dark": "wall",
};

const { values: words } = parseArgs({
  options: { only: { type: "string", multiple: true }, rigs: { type: "string" }, "no-docs": { type: "boolean" } },
});
const asked = (page: Seen) => words.only === undefined || words.only.includes(page.name);
const [pages, parts] = [PAGES.filter(asked), PARTS.filter(asked)];
/** Of the whole page; a thousand rows are not looked at. */
const HIGHEST = 4000;

const browser = await startBrowser();
let wrong = 0;
try {
  for (const { name, start } of FARMS) {
    const wanted = [
      ...pages.flatMap((page) => LOOKS.map((look) => ({ page, look, whole: false }))),
      ...[...pages, ...parts].flatMap((page) => WIDEST_AND_NARROWEST.map((look) => ({ page, look, whole: true }))),
    ].filter(({ page, look, whole }) => isWanted(name, page, look, whole));
    if ((words.rigs !== undefined && words.rigs !== name) || wanted.length === 0) continue;
    const farm = await start();
    try {
      for (const { page, look, whole } of wanted) wrong += await picture(browser, farm, `${name}/${nameOf(page, look, whole)}`, page, look, whole);
    } finally {
      await farm.end();
    }
  }
} finally {
  await browser.close();
}
console.log(`The pictures are in ${FOLDER}`);
if (wrong > 0) {
  console.error(`On ${wrong} of them something went wrong: see above.`);
  process.exitCode = 1;
}

function nameOf(seen: Seen, look: Look, whole: boolean): string {
  return `${seen.name}-${look.size.width}-${look.theme}${whole ? "-whole" : ""}`;
}

function isWanted(farm: string, seen: Seen, look: Look, whole: boolean): boolean {
  const forDocsAlone = Object.keys(CHOSEN).some((each) => each.startsWith(`${farm}/`));
  return forDocsAlone ? words["no-docs"] !== true && `${farm}/${nameOf(seen, look, whole)}` in CHOSEN : true;
}

/** Take one picture; returns 1 if something went wrong on the page. */
async function picture(browser: Browser, farm: Farm, name: string, seen: Seen, look: Look, whole: boolean): Promise<number> {
  const opened = await StrictPage.open(browser, farm.origin, contextOf(look));
  try {
    await opened.page.goto(seen.path(farm));
    await settled(opened.page, seen.useful);
    if (whole) {
      const height = await opened.page.evaluate(() => document.documentElement.scrollHeight);
      await opened.page.setViewportSize({ width: look.size.width, height: Math.min(HIGHEST, Math.max(height, look.size.height)) });
      await settled(opened.page, seen.useful);
    }
    const png = await opened.page.screenshot({ animations: "disabled", caret: "hide" });
    mkdirSync(join(FOLDER, dirname(name)), { recursive: true });
    writeFileSync(join(FOLDER, `${name}.png`), png);
    const chosen = CHOSEN[name];
    if (chosen !== undefined) forDocs(chosen, png);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await opened.close();
  }
  const problems = opened.takeProblems();
  for (const problem of problems) console.error(`${name}: ${problem}`);
  return problems.length > 0 ? 1 : 0;
}

function forDocs(name: string, png: Buffer): void {
  const small = smaller(png);
  if (small.length > MOST_BYTES) throw new Error(`${name} has ${small.length} bytes, more than ${MOST_BYTES}`);
  mkdirSync(DOCS, { recursive: true });
  writeFileSync(join(DOCS, `${name}.png`), small);
  console.log(`docs/assets/screenshots/${name}.png: ${Math.ceil(small.length / 1024)} kB`);
}
