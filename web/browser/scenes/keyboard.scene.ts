// Everything by keyboard: the palette, the shortcuts, the way of the Tab key.
import { expect } from "vitest";
import { threeRigs } from "../farm.ts";
import { tabbed } from "../focus.ts";
import { scene, shared } from "../scene.ts";
import { PAGES, settled } from "../seen.ts";

const farm = shared(threeRigs);

scene("the palette opens, finds, goes there, and closes", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.keyboard.press("Control+k");
  const palette = page.getByRole("dialog", { name: "Find" });
  await palette.waitFor();
  await page.keyboard.press("Escape");
  await palette.waitFor({ state: "detached" });

  await page.keyboard.press("Control+k");
  await page.keyboard.type("settings");
  await page.getByRole("option", { name: /Settings/ }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();

  await page.keyboard.press("Control+k");
  await page.keyboard.type("rig-beta");
  const first = page.getByRole("option").first();
  await first.filter({ hasText: "rig-beta" }).waitFor();
  expect(await first.getAttribute("aria-selected")).toBe("true");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "rig-beta" }).waitFor();
});

scene("? lists the keys, g and a letter go to a page, and neither does anything while one types", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await help.waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });

  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await page.getByRole("heading", { level: 1, name: "Profiles" }).waitFor();
  await page.getByRole("searchbox").first().focus();
  await page.keyboard.type("g n ?");
  expect(await page.getByRole("searchbox").first().inputValue()).toBe("g n ?");
  expect(new URL(page.url()).pathname).toBe("/profiles");
  expect(await help.count()).toBe(0);
});

scene("a page that is gone to by keyboard has the focus in its content", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.id === "content");
});

scene("the Tab key stops at what has a name, shows where it is, and comes round", async (stage) => {
  const there = await farm();
  for (const seen of PAGES) {
    const opened = await stage.open(there, seen.path(there));
    await settled(opened.page, seen.useful);
    const stops = await tabbed(opened.page);
    expect(stops.length, seen.name).toBeGreaterThan(5);
    expect(stops[0]?.name, seen.name).toBe("link Skip to the content");
    expect(stops.filter((stop) => !stop.name.includes(" ")), `${seen.name}: stops without a name`).toEqual([]);
    expect(stops.filter((stop) => !stop.visible), `${seen.name}: stops that are not seen`).toEqual([]);
    stage.check();
    await opened.close();
  }
});
