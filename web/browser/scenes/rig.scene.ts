// A rig's page, used: its commands and the ways back, its charts over every range, its console.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { signal } from "../processes.ts";
import { scene, type Stage } from "../scene.ts";
import { until } from "../waiting.ts";
import type { TestNode } from "../node.ts";

const RANGES: readonly (readonly [name: string, ms: number])[] = [
  ["5 min", 300_000], ["1 h", 3_600_000], ["6 h", 21_600_000], ["24 h", 86_400_000], ["7 d", 604_800_000], ["30 d", 2_592_000_000],
];

interface Set {
  controller: TestNode;
  rig: TestNode;
  profile: string;
  page: Page;
}

/** The page of a rig that mines. */
async function mining(stage: Stage, query = ""): Promise<Set> {
  const controller = await stage.nodes.controller();
  const rig = await stage.nodes.rig(controller, "rig-alpha");
  const { id: profile } = await controller.ask<{ id: string }>("POST", "/profiles", {
    name: "monero", minerType: "simulated", config: { pool: "pool.example:3333" },
  });
  await controller.ask("POST", "/remote/rig-alpha/start", { profileId: profile });
  const [peer] = await controller.ask<{ id: string }[]>("GET", "/peers");
  const { page } = await stage.open(controller, `/rigs/${peer?.id ?? ""}${query}`);
  await page.getByRole("heading", { level: 1, name: "rig-alpha" }).waitFor();
  return { controller, rig, profile, page };
}

function programs(rig: TestNode): number[] {
  return rig.processes().filter((each) => each.words.some((word) => word.endsWith("simulated_program.py"))).map((each) => each.pid);
}

scene("a miner is paused, goes on, is restarted, stopped and started again, each said with its way back", async (stage) => {
  const { rig, page } = await mining(stage);
  const card = page.getByRole("article", { name: /^simulated/ });
  const press = (name: string) => card.getByRole("button", { name, exact: true }).click();
  const state = (word: string) => card.getByText(word, { exact: true }).first().waitFor({ timeout: 60_000 });
  await state("mining");

  await press("Pause");
  const dialog = page.getByRole("dialog", { name: /^Pause simulated-1 on rig-alpha/ });
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await state("paused");
  await page.getByText("simulated-1 is paused on rig-alpha.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await state("mining");

  const [before] = programs(rig);
  await press("Restart");
  await until("another process", () => programs(rig).some((pid) => pid !== before));
  await state("mining");

  await press("Stop");
  await page.getByText("simulated-1 was stopped on rig-alpha.").waitFor();
  await until("the miner to be gone", () => programs(rig).length === 0);
  await page.getByRole("button", { name: "Start again" }).first().click();
  await until("a miner to run again", () => programs(rig).length === 1);
});

scene("another profile is deployed and kept, what the rig runs is compared with what this node has", async (stage) => {
  const { controller, profile, page } = await mining(stage, "?tab=plan");
  await page.getByText("The version that this node has.").waitFor();
  const changed = { name: "monero", minerType: "simulated", config: { pool: "pool.example:4444" } };
  await controller.ask("PUT", `/profiles/${profile}`, changed);
  await page.reload();
  await page.getByText("Another version than this node has:").waitFor();
  await page.getByRole("row").filter({ hasText: "pool.example:3333" }).filter({ hasText: "pool.example:4444" }).waitFor();
  await page.getByRole("button", { name: "Restart with the new version" }).click();
  await page.getByText("The version that this node has.").waitFor({ timeout: 60_000 });

  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Deploy to rig-alpha" });
  await dialog.getByLabel("Profile", { exact: true }).selectOption(profile);
  await dialog.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByText("rig-alpha keeps the profile monero.", { exact: false }).waitFor();
});

scene("each range of the chart asks for just that time", async (stage) => {
  const { page } = await mining(stage);
  await page.getByText(/on average/).waitFor(); // the hour that is shown at first is there
  for (const [name, ms] of RANGES) {
    if (name === "1 h") continue;
    const asking = page.waitForRequest((request) => /\/history\/peers\/\w+\/(series|samples)/.test(request.url()));
    await page.getByRole("button", { name, exact: true }).click();
    const query = new URL((await asking).url()).searchParams;
    expect(Number(query.get("until")) - Number(query.get("since")), name).toBeGreaterThan(ms - 1000);
    expect(Number(query.get("until")) - Number(query.get("since")), name).toBeLessThan(ms + 1000);
    expect(Math.abs(Date.now() - Number(query.get("until"))), `${name} ends now`).toBeLessThan(60_000);
    expect(await page.getByRole("button", { name, exact: true }).getAttribute("aria-pressed")).toBe("true");
  }
  await page.reload();
  await page.getByRole("button", { name: "30 d", exact: true, pressed: true }).waitFor();
});

scene("the console is searched, stopped while one reads, and goes on", async (stage) => {
  const { page } = await mining(stage, "?tab=console");
  const log = page.getByRole("log", { name: /^Log of simulated/ });
  await log.getByText(/accepted/).first().waitFor({ timeout: 60_000 });
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("new job");
  await page.getByText(/^\d+ of \d+$/).first().waitFor();
  await page.getByLabel("Only lines that match").check();
  await until("only lines that match", async () => {
    const lines = (await log.innerText()).split("\n").filter((line) => line.trim() !== "");
    return lines.length > 0 && lines.every((line) => line.includes("new job"));
  });
  await page.getByRole("searchbox", { name: "Find in the log" }).fill("");
  await page.getByLabel("Only lines that match").uncheck();
  await log.getByText(/accepted/).first().waitFor();

  await page.getByRole("button", { name: "Pause", exact: true }).last().click();
  const held = await log.innerText();
  await page.getByRole("button", { name: /^\d+ new lines?$/ }).waitFor({ timeout: 60_000 });
  expect(await log.innerText(), "what is read stands still").toBe(held);
  await page.getByRole("button", { name: /^\d+ new lines?$/ }).click();
  await until("the log to go on", async () => (await log.innerText()) !== held);
});

scene("what the watchdog did is in the rig's journal, and marked on its chart", async (stage) => {
  const { rig, page } = await mining(stage, "?tab=journal");
  const [pid] = programs(rig);
  if (pid === undefined) throw new Error("no miner runs");
  signal(pid, "SIGKILL");
  await page.getByRole("button", { name: "Watchdog" }).or(page.getByRole("radio", { name: "Watchdog" })).first().click();
  await page.getByText(/signal 9/).first().waitFor({ timeout: 60_000 });
  await until("the watchdog to start it again", () => programs(rig).some((each) => each !== pid), 120_000);
  await page.getByRole("link", { name: "Now" }).click();
  const mark = page.getByRole("toolbar", { name: /vents/ }).getByRole("button").last();
  await mark.focus();
  await page.getByText(/signal 9|watchdog|restarted/i).first().waitFor();
});
