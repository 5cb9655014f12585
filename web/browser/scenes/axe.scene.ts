// axe finds nothing on any page, in either theme, in any width.
import { expect } from "vitest";
import { judged } from "../axe.ts";
import { threeRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { contextOf, LOOKS, PAGES, PARTS, settled, WIDEST_AND_NARROWEST, type Look, type Seen } from "../seen.ts";
import type { Stage } from "../scene.ts";

const farm = shared(threeRigs);

async function look(stage: Stage, name: string): Promise<void> {
  const seen = PAGES.find((page) => page.name === name);
  if (seen === undefined) throw new Error(`there is no page ${name}`);
  await lookAt(stage, seen, LOOKS);
}

async function lookAt(stage: Stage, seen: Seen, looks: readonly Look[]): Promise<void> {
  const there = await farm();
  for (const each of looks) {
    const opened = await stage.open(there, seen.path(there), contextOf(each));
    await settled(opened.page, seen.useful);
    const said = await judged(opened.page);
    expect(said.passes["color-contrast"], "axe has looked").toBeGreaterThan(0);
    expect(said.violations, `${seen.name} at ${each.size.width} px, ${each.theme}`).toEqual([]);
    stage.check();
    await opened.close();
  }
}

scene("axe finds nothing on the overview", (stage) => look(stage, "overview"));
scene("axe finds nothing on the nodes page", (stage) => look(stage, "nodes"));
scene("axe finds nothing on a rig's page", (stage) => look(stage, "rig"));
scene("axe finds nothing on the profiles page", (stage) => look(stage, "profiles"));
scene("axe finds nothing in the profile editor", (stage) => look(stage, "profile"));
scene("axe finds nothing on the activity page", (stage) => look(stage, "activity"));
scene("axe finds nothing in the settings", (stage) => look(stage, "settings"));

async function lookBehind(stage: Stage, page: string): Promise<void> {
  const parts = PARTS.filter((part) => part.name.startsWith(`${page}-`));
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts) await lookAt(stage, part, WIDEST_AND_NARROWEST);
}

scene("axe finds nothing in the dialogs that have an address", (stage) => lookBehind(stage, "nodes"));
scene("axe finds nothing behind a rig's tabs", (stage) => lookBehind(stage, "rig"));
scene("axe finds nothing behind a profile's tabs", (stage) => lookBehind(stage, "profile"));
scene("axe finds nothing behind the tabs of the activity", (stage) => lookBehind(stage, "activity"));
scene("axe finds nothing behind the tabs of the settings", (stage) => lookBehind(stage, "settings"));

scene("axe finds nothing on the login page", async (stage) => {
  const node = await stage.nodes.guardedController({ ann: ["viewer", "a good password"] });
  for (const each of LOOKS) {
    const opened = await stage.open(node, "/", contextOf(each));
    opened.allow(/status of 401/);
    await settled(opened.page);
    expect((await judged(opened.page)).violations, `${each.size.width} px, ${each.theme}`).toEqual([]);
    stage.check();
    await opened.close();
  }
});
