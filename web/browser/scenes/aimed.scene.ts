// Under a pointer, and where the focus is, lists keep their order and their place; they are put in order when one has left.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { threeRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { notingShifts, takeShifts } from "../shifts.ts";
import { until } from "../waiting.ts";

/** A table is put in order every 5 s, a list of alerts with each of them. */
const LONG_ENOUGH_MS = 11_000;

const farm = shared(threeRigs);

/** The names in the rows of the table, from the top. */
async function rows(page: Page): Promise<string[]> {
  const found = await page.getByRole("grid").getByRole("row").evaluateAll((all) =>
    all.slice(1).map((row) => ({ y: row.getBoundingClientRect().y, name: row.querySelector("a")?.textContent ?? "" })));
  return found.sort((a, b) => a.y - b.y).map((row) => row.name.trim());
}

scene("rows stay where they are under the pointer and the focus while what they are sorted by changes", async (stage) => {
  const there = await farm();
  const told = async (verb: string): Promise<void> => {
    const profile = there.profiles[["rig-alpha", "rig-beta", "rig-gamma"].indexOf(top)];
    const answer = await fetch(`${there.origin}/api/v1/mining/remote/${top}/${verb}`, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify(verb === "start" ? { profileId: profile } : {}),
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  const { page } = await stage.open(there, "/nodes");
  await page.getByRole("columnheader", { name: "Hashrate" }).getByRole("button").click();
  await page.mouse.move(5, 5);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await until("three rigs by hashrate", async () => (await rows(page)).length === 3);
  await page.waitForTimeout(LONG_ENOUGH_MS); // it is put in order by what is told now
  const falling = await rows(page);
  const top = falling[0] ?? "";
  const rate = page.getByRole("row").filter({ hasText: top }).getByText("kH/s");

  await page.getByRole("row").filter({ hasText: falling[1] ?? "" }).hover();
  const aimedAt = await rows(page);
  await told("stop");
  await rate.waitFor({ state: "detached", timeout: 60_000 });
  await page.waitForTimeout(LONG_ENOUGH_MS);
  expect(await rows(page), "under the pointer").toEqual(aimedAt);
  await page.mouse.move(5, 5);
  await until("what hashes nothing to come last", async () => (await rows(page)).at(-1) === top);

  await page.getByRole("grid").focus();
  const focused = await rows(page);
  expect(focused.at(-1)).toBe(top);
  await told("start");
  await rate.waitFor({ timeout: 60_000 });
  await page.waitForTimeout(LONG_ENOUGH_MS);
  expect(await rows(page), "where the focus is").toEqual(focused);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await until("what hashes again to be put in order", async () => (await rows(page)).at(-1) !== top);
});

scene("who comes to be approved pushes no row away from under the pointer", async (stage) => {
  const controller = await stage.nodes.controller();
  await stage.nodes.rig(controller, "rig-alpha");
  const rig = stage.nodes.add("rig-pending");
  await rig.init("worker");
  await rig.serveAsRig();
  const { page } = await stage.open(controller, "/nodes");
  const row = page.getByRole("row").filter({ hasText: "rig-alpha" });
  await row.hover();
  const before = await row.boundingBox();
  await rig.done(["peer", "add", "--address", controller.address]);
  await until("it to wait", async () => (await controller.ask<unknown[]>("GET", "/peers/pending")).length === 1);
  await page.waitForTimeout(2_000);
  expect(await row.boundingBox()).toEqual(before);
  await page.mouse.move(5, 5);
  await page.getByRole("region", { name: "Waiting for approval" }).getByText("rig-pending").waitFor();
});

scene("what needs one stays in its place under the pointer: what is new comes last, what is over says so", async (stage) => {
  const controller = await stage.nodes.controller();
  const alpha = await stage.nodes.rig(controller, "rig-alpha");
  const beta = await stage.nodes.rig(controller, "rig-beta");
  const opened = await stage.open(controller, "/api/v1/mining/health");
  const { page } = opened;
  await notingShifts(page);
  await page.goto("/");
  const attention = page.getByRole("region", { name: "What needs you" });
  const named = async () => (await attention.getByRole("listitem").allInnerTexts()).map((text) => /rig-\w+/.exec(text)?.[0]);
  await attention.getByText("Nothing needs you.").waitFor();
  await alpha.kill();
  await attention.getByText("rig-alpha").first().waitFor({ timeout: 60_000 });
  await attention.getByText("rig-alpha").first().hover();
  const place = await attention.getByRole("listitem").first().boundingBox();
  await takeShifts(page);

  await beta.kill();
  await attention.getByText("rig-beta").first().waitFor({ timeout: 60_000 });
  expect(await named(), "what is new comes last").toEqual(["rig-alpha", "rig-beta"]);
  await alpha.serveAsRig();
  await attention.getByRole("listitem").first().getByText(/well again/).waitFor({ timeout: 60_000 });
  expect(await named(), "what is over stays").toEqual(["rig-alpha", "rig-beta"]);
  expect(await attention.getByRole("listitem").first().boundingBox()).toEqual(place);

  await page.mouse.move(5, 5);
  await until("what is over to leave", async () => (await named()).join() === "rig-beta");
  await alpha.kill();
  await until("the newest to come first", async () => (await named()).join() === "rig-alpha,rig-beta");
});

