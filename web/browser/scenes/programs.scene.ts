// The real XMRig: given to a rig and taken back from its page, and its log as it writes it.
import { expect } from "vitest";
import type { Locator, Page } from "playwright-core";
import { xmrig, xmrigArchive } from "../programs.ts";
import { scene, type Stage } from "../scene.ts";
import { until } from "../waiting.ts";
import type { TestNode } from "../node.ts";

const WITHIN_MS = 120_000;
/** Beyond the program itself, so that there is a way to be seen. */
const MORE_MB = 40;
/** Nobody listens there: it says so, in colours, and tries again. */
const NO_POOL = "127.0.0.1:9";

interface Programs {
  miners: { type: string; installed: boolean; path: string; previous: string | null }[];
}

async function xmrigOf(controller: TestNode): Promise<Programs["miners"][number]> {
  const found = (await controller.ask<Programs>("GET", "/remote/rig-alpha/info")).miners.find((each) => each.type === "xmrig");
  if (found === undefined) throw new Error("the rig does not know of XMRig");
  return found;
}

async function rigPage(stage: Stage, controller: TestNode, tab: string): Promise<Page> {
  const [peer] = await controller.ask<{ id: string }[]>("GET", "/peers");
  const { page } = await stage.open(controller, `/rigs/${peer?.id ?? ""}?tab=${tab}`);
  await page.getByRole("heading", { level: 1, name: "rig-alpha" }).waitFor();
  return page;
}

/** Deploy that version from the rig's page; what the dialog said meanwhile. */
async function deployed(page: Page, version: string): Promise<string[]> {
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Deploy to rig-alpha" });
  await dialog.getByRole("radio", { name: "A miner program" }).check();
  const choice = dialog.getByLabel("Program", { exact: true });
  await choice.getByRole("option", { name: new RegExp(`^xmrig ${version}`) }).waitFor({ state: "attached" });
  await choice.selectOption(await choice.getByRole("option", { name: new RegExp(`^xmrig ${version}`) }).getAttribute("value"));
  const said = await heard(dialog);
  await dialog.getByRole("button", { name: "Deploy", exact: true }).click();
  await dialog.getByText("Deployed.").waitFor({ timeout: WITHIN_MS });
  const words = await said();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await dialog.waitFor({ state: "detached" });
  return words;
}

/** Note what its status says from now on. */
async function heard(dialog: Locator): Promise<() => Promise<string[]>> {
  const notes = await dialog.evaluateHandle((element) => {
    const said: string[] = [];
    new MutationObserver(() => said.push(element.querySelector("[role=status] p")?.textContent ?? ""))
      .observe(element, { childList: true, subtree: true, characterData: true });
    return said;
  });
  return () => notes.jsonValue();
}

scene("a miner program is deployed from the rig's page, its way is seen, and it is rolled back there", async (stage) => {
  const controller = await stage.nodes.controller();
  // no XMRig but the one that it is given
  await stage.nodes.rig(controller, "rig-alpha", { PATH: "/usr/sbin:/sbin:/bin", MINER_CTRL_XMRIG: "" });
  for (const [version, more] of [["6.22.1", 0], ["6.22.2", MORE_MB]] as const) {
    await controller.done(["bundle", "add", await xmrigArchive(stage.nodes.folder, version, more), "--miner", "xmrig"]);
  }
  const page = await rigPage(stage, controller, "machine");
  const programs = page.getByRole("region", { name: "Miner programs" });
  await programs.getByText("Others that can be deployed").click();
  await programs.getByRole("listitem").filter({ hasText: /^xmrig/ }).waitFor();

  await deployed(page, "6.22.1");
  await programs.getByText(/data\/programs\/xmrig\//).waitFor();
  const first = await xmrigOf(controller);
  expect([first.installed, first.previous ?? null]).toEqual([true, null]);

  const said = await deployed(page, "6.22.2");
  expect(said.some((words) => /^[\d.]+ MiB of [\d.]+ MiB sent$/.test(words)), `how far it was is said: ${[...new Set(said)].join(" | ")}`).toBe(true);
  const back = programs.getByRole("button", { name: "Roll back to 6.22.1" });
  await back.waitFor();
  const second = await xmrigOf(controller);
  expect(second.path).not.toBe(first.path);

  await back.click();
  await page.getByRole("dialog").or(page.getByRole("alertdialog")).getByRole("button", { name: "Roll back", exact: true }).click();
  await page.getByText("rig-alpha has xmrig 6.22.1 again.").waitFor({ timeout: WITHIN_MS });
  await programs.getByRole("button", { name: "Roll back to 6.22.2" }).waitFor();
  expect((await xmrigOf(controller)).path).toBe(first.path);
});

scene("the real XMRig's log is followed in its colours, searched, and stands while one reads", async (stage) => {
  const controller = await stage.nodes.controller();
  await stage.nodes.rig(controller, "rig-alpha", { MINER_CTRL_XMRIG: await xmrig() });
  await controller.ask("POST", "/remote/rig-alpha/start", {
    minerType: "xmrig",
    config: { pool: NO_POOL, wallet: "4".padEnd(95, "8xyz"), algo: "rx/0", threads: 1, randomxMode: "light", hugePages: false, extraArgs: ["--retry-pause=1", "--retries=1000"] },
  });
  const page = await rigPage(stage, controller, "console");
  const log = page.getByRole("log", { name: "Log of xmrig-1" });
  await log.getByText(/connect error/).first().waitFor({ timeout: WITHIN_MS });

  expect(await log.innerText(), "no escape is left").not.toMatch(/\u001b|\[\d+(;\d+)*m/);
  const ground = await colourOf(log);
  const red = await colourOf(log.getByText(/connect error/).first());
  const [r, g, b] = red;
  expect(r > g && r > b, `what failed is red: ${red.join()}`).toBe(true);
  expect(red).not.toEqual(ground);
  const colours = await log.evaluate((element) => [...new Set([...element.querySelectorAll(".line span")].map((span) => getComputedStyle(span).color))]);
  expect(colours.length, `colours: ${colours.join("; ")}`).toBeGreaterThanOrEqual(4);

  await page.getByRole("searchbox", { name: "Find in the log" }).fill("POOL #1");
  await page.getByText("1 of 1", { exact: true }).waitFor();
  await page.getByLabel("Only lines that match").check();
  await until("the one line alone", async () => {
    const lines = (await log.innerText()).split("\n").filter((line) => line.trim() !== "");
    return lines.length === 1 && (lines[0] ?? "").includes(NO_POOL);
  });
  await page.getByLabel("Only lines that match").uncheck();
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("");
  await log.getByText(/connect error/).first().waitFor();

  await page.getByRole("button", { name: "Pause", exact: true }).last().click();
  const held = await log.innerText();
  await page.getByRole("button", { name: /^\d+ new lines?$/ }).waitFor({ timeout: WITHIN_MS });
  expect(await log.innerText(), "what is read stands still").toBe(held);
  await page.getByRole("button", { name: /^\d+ new lines?$/ }).click();
  await until("the newest line to be in sight", () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 5));
  await until("the log to go on", async () => (await log.innerText()) !== held);
  expect(await page.getByRole("button", { name: "Follow the end" }).getAttribute("aria-pressed")).toBe("true");
});

/** The colour of its text: red, green, blue. */
async function colourOf(text: Locator): Promise<[number, number, number]> {
  const said = await text.evaluate((element) => getComputedStyle(element).color);
  const [r, g, b] = (said.match(/[\d.]+/g) ?? []).map(Number);
  if (r === undefined || g === undefined || b === undefined) throw new Error(`no colour: ${said}`);
  return [r, g, b];
}
