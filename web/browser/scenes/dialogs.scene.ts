// axe finds nothing in what opens over a page either: dialogs, the palette, menus, forms that are wrong.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { judged } from "../axe.ts";
import { threeRigs, type Farm } from "../farm.ts";
import { scene, shared, type Stage } from "../scene.ts";
import { contextOf, LOOKS, settled } from "../seen.ts";

const farm = shared(threeRigs);
/** Wide and light, narrow and dark: the other looks of a dialog are made of these. */
const SEEN = LOOKS.filter(({ size, theme }) => (size.width === 1440 && theme === "light") || (size.width === 390 && theme === "dark"));

interface Opened {
  name: string;
  path: (farm: Farm) => string;
  /** Open it; what it is called, where it is a dialog. */
  open: (page: Page) => Promise<void>;
  wideOnly?: boolean;
}

const rig = (there: Farm, query = "") => `/rigs/${there.rigs[0] ?? ""}${query}`;
const click = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name, exact: typeof name === "string" }).first().click();
const dialog = (page: Page) => page.getByRole("dialog").or(page.getByRole("alertdialog"));

async function look(stage: Stage, each: Opened): Promise<void> {
  const there = await farm();
  for (const seen of SEEN) {
    if (each.wideOnly && seen.size.width < 1000) continue;
    const opened = await stage.open(there, each.path(there), contextOf(seen));
    const { page } = opened;
    await settled(page);
    await each.open(page);
    await dialog(page).first().waitFor();
    // the button that asks stays busy behind its question: what is waited for is the dialog alone
    await dialog(page).locator("[aria-busy='true']").first().waitFor({ state: "detached" });
    await page.waitForFunction(() => document.getAnimations().every((each) => each.playState !== "running"));
    const said = await judged(page);
    expect(Object.keys(said.passes).length, `${each.name}: axe has looked`).toBeGreaterThan(5);
    expect(said.violations, `${each.name} at ${seen.size.width} px, ${seen.theme}`).toEqual([]);
    expect(await page.evaluate(() => document.activeElement?.closest("dialog, [role=dialog], [role=alertdialog]") !== null), `${each.name} has the focus`).toBe(true);
    await page.keyboard.press("Escape");
    await dialog(page).first().waitFor({ state: "detached" });
    stage.check();
    await opened.close();
  }
}

async function all(stage: Stage, opened: readonly Opened[]): Promise<void> {
  for (const each of opened) await look(stage, each);
}

scene("axe finds nothing in the dialogs of the frame", (stage) =>
  all(stage, [
    { name: "the palette", path: () => "/", open: async (page) => { await page.keyboard.press("Control+k"); await page.keyboard.type("rig"); } },
    { name: "the list of keys", path: () => "/nodes", open: (page) => page.keyboard.press("?") },
  ]));

scene("axe finds nothing in the dialogs of the nodes page", (stage) =>
  all(stage, [
    { name: "add by token", path: () => "/nodes?add=token", open: async () => undefined },
    { name: "a token", path: () => "/nodes?add=token", open: async (page) => {
      await page.getByRole("button", { name: "Create token" }).click();
      await page.getByRole("img", { name: "Join token as a QR code" }).waitFor();
    } },
    { name: "add by address", path: () => "/nodes?add=address", open: async () => undefined },
    { name: "edit", path: () => "/nodes", wideOnly: true, open: click(/^Edit rig-/) },
    { name: "remove", path: () => "/nodes", wideOnly: true, open: click(/^Remove rig-/) },
    { name: "columns", path: () => "/nodes", wideOnly: true, open: click("Columns") },
    { name: "stop several", path: () => "/nodes", wideOnly: true, open: async (page) => {
      await page.getByRole("checkbox", { name: /^Select all/ }).check();
      await page.getByRole("button", { name: "Stop", exact: true }).click();
    } },
  ]));

scene("axe finds nothing in the dialogs of a rig's page", (stage) =>
  all(stage, [
    { name: "start", path: (there) => rig(there), open: click("Start") },
    { name: "deploy", path: (there) => rig(there), open: click("Deploy") },
    { name: "pause", path: (there) => rig(there), open: click("Pause") },
    { name: "the schedule", path: (there) => rig(there, "?tab=plan"), open: async (page) => {
      await click("Change the schedule")(page);
      await click("Add a rule")(page);
    } },
  ]));

scene("axe finds nothing in the dialogs of profiles and settings", (stage) =>
  all(stage, [
    { name: "import", path: () => "/profiles", open: click("Import") },
    { name: "assign", path: (there) => `/profiles/${there.profiles[0] ?? ""}`, open: async (page) => {
      await click("Assign to rigs")(page);
      await page.getByLabel("Choose rig-alpha").check();
      await page.getByText("Runs it already").or(page.getByText("What runs makes way")).first().waitFor();
    } },
    { name: "known pools", path: (there) => `/profiles/${there.profiles[0] ?? ""}`, open: click("Known pools") },
    { name: "delete", path: (there) => `/profiles/${there.profiles[0] ?? ""}`, open: click("Delete") },
    { name: "a new token", path: () => "/settings/access", open: click("Create token") },
    { name: "a new login", path: () => "/settings/access", open: click(/^(Create|Add|New) login/) },
  ]));
