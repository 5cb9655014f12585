// What rigs, miners and pools say to do harm is text on the page: it asks for nothing, opens nothing, runs nothing.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { simulatedRigs, type Farm } from "../farm.ts";
import { scene, shared, type Stage } from "../scene.ts";
import { PAGES, settled } from "../seen.ts";

const farm = shared(() => simulatedRigs(60, "--hostile", "--history", "2h"));
const TABS = ["console", "machine", "plan", "journal"];

/** Nothing of what was said has become a part of the page. */
async function harmless(page: Page): Promise<void> {
  const found = await page.evaluate(() => ({
    title: document.title.includes("owned"),
    elements: [...document.querySelectorAll("img[src='x'], img[onerror], script:not([src]), main b b, iframe, object, embed, base, [onclick], [onerror]")]
      .map((each) => each.outerHTML.slice(0, 200)),
    links: [...document.querySelectorAll("a[href]")]
      .map((each) => (each as HTMLAnchorElement).protocol)
      .filter((protocol) => !["http:", "https:"].includes(protocol)),
  }));
  expect(found).toEqual({ title: false, elements: [], links: [] });
}

async function visited(stage: Stage, there: Farm, paths: string[]): Promise<string> {
  const opened = await stage.open(there, paths[0]);
  let read = "";
  for (const path of paths) {
    await opened.page.goto(path);
    await settled(opened.page);
    await opened.page.waitForTimeout(500); // what would run by itself has run
    await harmless(opened.page);
    read += await opened.page.locator("body").innerText();
    stage.check();
  }
  return read;
}

scene("hostile names, tags, profiles and events are text on every page", async (stage) => {
  const there = await farm();
  const read = await visited(stage, there, PAGES.map((page) => page.path(there)));
  expect(read).toContain("<");
});

scene("hostile rigs are text on every tab of theirs, logs with escapes too", async (stage) => {
  const there = await farm();
  let read = "";
  for (const id of there.rigs.slice(0, 6)) {
    read += await visited(stage, there, TABS.map((tab) => `/rigs/${id}?tab=${tab}`));
  }
  expect(read).toContain("<img src=x onerror");
  expect(read).not.toContain("\u001b");
});

scene("a rig that says everything twice, and times that there are not, has its page on every tab", async (stage) => {
  const there = await farm();
  const answer = await fetch(`${there.origin}/api/v1/mining/fleet?limit=1000`);
  const floods = ((await answer.json()) as { id: string; miners: number }[]).filter((rig) => rig.miners > 20);
  expect(floods.length).toBeGreaterThan(0);
  const id = floods[0]?.id ?? "";
  const { page } = await stage.open(there, `/rigs/${id}`);
  for (const tab of ["now", ...TABS]) {
    await page.goto(`/rigs/${id}?tab=${tab}`);
    await settled(page);
    await page.waitForTimeout(500);
    expect(await page.getByRole("heading", { level: 1 }).count(), tab).toBe(1);
    expect(await page.locator("main").innerText(), tab).not.toContain("has stopped because of a mistake");
    await page.getByRole("button", { name: "Stop all" }).waitFor(); // whoever may, can end it from here
    await harmless(page);
    stage.check();
  }
});

scene("the palette finds hostile names and takes one without harm", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.keyboard.press("Control+k");
  const palette = page.getByRole("dialog", { name: "Find" }).getByRole("combobox");
  for (const words of ["<img", "__proto__", "constructor", "javascript:", "\u202e", "${7*7}"]) {
    await palette.fill(words);
    await page.waitForTimeout(200);
    await harmless(page);
  }
  await palette.fill("rig");
  await page.getByRole("dialog", { name: "Find" }).getByRole("option").first().click();
  await settled(page);
  await harmless(page);
});
