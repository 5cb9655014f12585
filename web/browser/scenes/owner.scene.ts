// What an owner does of an evening: looks at the tab, follows the red number, pauses all for an hour, and that on a phone.
import { expect } from "vitest";
import { threeRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { contextOf, PAGES, settled } from "../seen.ts";
import { until } from "../waiting.ts";

const farm = shared(threeRigs);
const PHONE = contextOf({ size: { width: 390, height: 844 }, theme: "light" });
const THUMB_PX = 44;

interface Stats {
  miners: { state: string }[];
}

scene("the tab names the page and the rig", async (stage) => {
  const there = await farm();
  const { page } = await stage.open(there, "/nodes");
  await settled(page);
  expect(await page.title()).toBe("Nodes · miner-ctrl");
  await page.getByRole("link", { name: "rig-beta" }).first().click();
  await page.getByRole("heading", { level: 1, name: "rig-beta" }).waitFor();
  expect(await page.title()).toBe("rig-beta · miner-ctrl");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  expect(await page.title()).toBe("Settings · miner-ctrl");
});

scene("on a phone buttons, fields and what unfolds are as large as a thumb", async (stage) => {
  const there = await farm();
  const paths = [
    ...PAGES.map((seen) => seen.path(there)), "/nodes?add=token", "/nodes?add=address", "/profiles/new", "/activity/audit", "/activity/events",
    ...["access", "history", "appearance"].map((part) => `/settings/${part}`),
    ...["console", "machine", "plan", "journal"].map((tab) => `/rigs/${there.rigs[0] ?? ""}?tab=${tab}`),
  ];
  const small: string[] = [];
  for (const path of paths) {
    const opened = await stage.open(there, path, PHONE);
    await settled(opened.page);
    for (const each of await opened.page.evaluate(smaller, THUMB_PX)) small.push(`${path}: ${each}`);
    await opened.close();
  }
  expect(small).toEqual([]);
});

scene("a link to some of the peers shows them before all else, and changing a filter there moves nothing", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.getByRole("banner").getByRole("link", { name: /Mining/ }).click();
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  const top = async (name: string | RegExp) => (await page.getByRole("region", { name }).boundingBox())?.y ?? NaN;
  await page.getByRole("region", { name: "This node" }).waitFor();
  await settled(page);
  expect(await top("Peers")).toBeLessThan(await top("This node"));
  await page.getByRole("combobox", { name: "State" }).selectOption("");
  expect(await top("Peers")).toBeLessThan(await top("This node"));
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("link", { name: "Nodes" }).click();
  await page.getByRole("region", { name: "This node" }).waitFor();
  expect(await top("This node")).toBeLessThan(await top("Peers"));
});

scene("a verb alone in the palette offers it for each rig", async (stage) => {
  const { page } = await stage.open(await farm(), "/");
  await settled(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("ping");
  await page.getByRole("option").filter({ hasText: "rig-beta" }).filter({ hasText: "Ping" }).click();
  await page.getByText(/^rig-beta answers in/).waitFor();
});

scene("all rigs are paused for an hour and resumed", async (stage) => {
  const controller = await stage.nodes.controller();
  const [alpha, beta] = await Promise.all([stage.nodes.rig(controller, "rig-alpha"), stage.nodes.rig(controller, "rig-beta")]);
  const config = { pool: "pool.example:3333", wallet: "4".padEnd(95, "8xyz"), algo: "rx/0", threads: 2 };
  const profile = await controller.ask<{ id: string }>("POST", "/profiles", { name: "monero", minerType: "simulated", config });
  for (const rig of [alpha, beta]) await controller.ask("POST", `/remote/${rig.name}/start`, { profileId: profile.id });
  const miners = async () => {
    const stats = await controller.ask<Record<string, Stats>>("GET", "/remote/stats?refresh=true");
    return Object.values(stats).flatMap((rig) => rig.miners);
  };
  const mining = async () => (await miners()).filter((miner) => miner.state === "mining").length === 2;
  await until("both to mine at first", mining);

  const { page } = await stage.open(controller, "/nodes");
  for (const rig of [alpha, beta]) await page.getByRole("row", { name: new RegExp(`${rig.name}.*H/s`) }).waitFor();
  await page.getByRole("checkbox", { name: "Select all" }).check();
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  const asked = page.getByRole("dialog", { name: /^Pause 2 miners on 2 rigs/ });
  await asked.getByLabel("For how long").selectOption({ label: "1 h" });
  await asked.getByRole("button", { name: /^Pause/ }).click();
  await until("both to be paused", async () => (await miners()).filter((miner) => miner.state === "paused").length === 2);
  const jobs = await controller.ask<unknown>("GET", "/jobs");
  expect(JSON.stringify(jobs)).toContain("pause");

  await page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click();
  await page.getByRole("link", { name: "rig-beta" }).first().click();
  await page.getByText(/^Goes on by itself at/).first().waitFor();
  await page.goto("/nodes");
  await page.getByRole("checkbox", { name: "Select all" }).check();
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: /^Resume/ }).click();
  await until("both to mine", mining);
});

/** In the page: what is pressed and smaller than `least`. Links in a text are as high as its lines, marks on a time axis as wide as it lets them. */
function smaller(least: number): string[] {
  const found: string[] = [];
  for (const each of document.querySelectorAll<HTMLElement>("button, input, select, textarea, summary")) {
    if (!each.checkVisibility({ visibilityProperty: true }) || each.closest(".mark")) continue;
    const around = each instanceof HTMLInputElement && ["checkbox", "radio"].includes(each.type) ? (each.closest("label") ?? each) : each;
    const { width, height } = around.getBoundingClientRect();
    if (height < least - 0.5 || (each.tagName === "BUTTON" && width < least - 0.5)) {
      found.push(`${each.tagName.toLowerCase()} ${(each.getAttribute("aria-label") ?? each.textContent ?? "").trim().slice(0, 40)} ${Math.round(width)} x ${Math.round(height)}`);
    }
  }
  return found;
}
