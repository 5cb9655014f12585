// What goes wrong on a rig is on the page in half a minute, with its reason, and goes again by itself.
import { expect } from "vitest";
import { scene, type Stage } from "../scene.ts";
import { signal } from "../processes.ts";
import { until } from "../waiting.ts";
import type { TestNode } from "../node.ts";

const WITHIN_MS = 30_000;

async function mining(stage: Stage): Promise<{ controller: TestNode; rig: TestNode }> {
  const controller = await stage.nodes.controller();
  const rig = await stage.nodes.rig(controller, "rig-beta");
  await stage.nodes.rig(controller, "rig-gamma");
  await controller.ask("POST", "/remote/rig-beta/start", { minerType: "simulated", config: { pool: "pool.example:3333" } });
  return { controller, rig };
}

function simulated(rig: TestNode): number[] {
  return rig.processes().filter((each) => each.words.some((word) => word.endsWith("simulated_program.py"))).map((each) => each.pid);
}

scene("a rig whose agent is killed is offline with its reason, and back by itself", async (stage) => {
  const { controller, rig } = await mining(stage);
  const { page } = await stage.open(controller, "/");
  const attention = page.getByRole("region", { name: "What needs you" });
  const health = page.getByRole("region", { name: "Rigs by state" });
  await attention.getByText("Nothing needs you.").waitFor();
  await health.getByRole("link", { name: "Mining 1" }).waitFor({ timeout: 60_000 });

  const killedAt = Date.now();
  await rig.kill();
  await attention.getByText(/rig-beta/).first().waitFor({ timeout: WITHIN_MS });
  const reason = await until("the node to say why", async () => (await controller.ask<{ text: string }[]>("GET", "/alerts"))[0]?.text);
  await attention.getByText(reason, { exact: true }).waitFor();
  expect(Date.now() - killedAt).toBeLessThan(WITHIN_MS);
  await health.getByRole("link", { name: "Offline 1" }).waitFor();
  expect(await page.title()).toMatch(/^\(1\)/);
  expect(simulated(rig), "its miner goes on").toHaveLength(1);

  await rig.serveAsRig();
  await health.getByRole("link", { name: "Mining 1" }).waitFor({ timeout: 60_000 });
  await attention.getByText("Nothing needs you.").waitFor({ timeout: 90_000 });
  expect(await page.title()).not.toMatch(/^\(/);
});

scene("a miner that is killed is in trouble with its reason, and back by itself", async (stage) => {
  const { controller, rig } = await mining(stage);
  const { page } = await stage.open(controller, "/");
  const attention = page.getByRole("region", { name: "What needs you" });
  const health = page.getByRole("region", { name: "Rigs by state" });
  await health.getByRole("link", { name: "Mining 1" }).waitFor({ timeout: 60_000 });
  const [pid] = simulated(rig);
  if (pid === undefined) throw new Error("no miner runs");
  const killedAt = Date.now();
  signal(pid, "SIGKILL");
  await attention.getByText(/simulated-1.*signal 9|signal 9/).first().waitFor({ timeout: WITHIN_MS });
  expect(Date.now() - killedAt).toBeLessThan(WITHIN_MS);
  await until("the watchdog to start it again", () => simulated(rig).some((each) => each !== pid), 120_000);
  await attention.getByText("Nothing needs you.").waitFor({ timeout: 120_000 });
  await health.getByRole("link", { name: "Mining 1" }).waitFor();
});
