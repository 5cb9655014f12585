// From an empty page to a rig that mines, and back: everything that a first user does, at the page and in a shell.
import { expect } from "vitest";
import { scene } from "../scene.ts";
import { until } from "../waiting.ts";
import { addedByToken, madeProfile } from "../deeds.ts";

scene("no rigs, a token, node join in a shell, a profile, started, followed, stopped, removed", async (stage) => {
  const controller = await stage.nodes.controller();
  const opened = await stage.open(controller, "/");
  const { page } = opened;
  await page.getByText("No rigs yet").first().waitFor();

  const rig = stage.nodes.add("rig-alpha");
  await addedByToken(page, (token, command) => rig.joinAndServe(token, command));
  const row = page.getByRole("row").filter({ hasText: "rig-alpha" });
  await row.getByText("Idle").or(row.getByRole("img", { name: "Idle" })).first().waitFor();

  await madeProfile(page, "monero");
  await page.getByRole("button", { name: "Assign to rigs" }).click();
  const assigning = page.getByRole("dialog");
  await assigning.getByLabel("Choose rig-alpha").check();
  await assigning.getByText("A miner starts").first().waitFor();
  await assigning.getByRole("button", { name: "Change 1 rig" }).click();
  await assigning.waitFor({ state: "detached" });

  await page.getByRole("link", { name: "Nodes" }).click();
  await row.getByText("monero").waitFor();
  await row.getByRole("link", { name: "rig-alpha" }).click();
  await page.getByRole("heading", { level: 1, name: "rig-alpha" }).waitFor();
  await page.getByText("Mining", { exact: true }).first().waitFor();

  await page.getByRole("button", { name: "5 min" }).click();
  const chart = page.getByRole("figure");
  await chart.getByText(/rx\/0: last/).waitFor();
  const before = await chart.getByText(/rx\/0: last/).innerText();
  await until("the chart to move", async () => (await chart.getByText(/rx\/0: last/).innerText()) !== before);

  await page.getByRole("link", { name: "Console" }).first().click();
  const log = page.getByRole("log", { name: /^Log of simulated/ });
  await log.waitFor();
  const lines = () => log.innerText();
  await until("the log to have a line", async () => (await lines()).trim() !== "");
  const read = await lines();
  await until("the log to go on", async () => (await lines()) !== read);

  await page.getByRole("link", { name: "Now" }).click();
  await page.getByRole("group", { name: /^Actions for simulated/ }).getByRole("button", { name: "Stop" }).click();
  const asked = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  if (await asked.count()) await asked.getByRole("button", { name: /^Stop/ }).click();
  await page.getByText("Idle", { exact: true }).first().waitFor();
  expect(rig.processes().filter((each) => each.words.some((word) => word.endsWith("simulated_program.py")))).toEqual([]);

  await page.getByRole("link", { name: "Nodes" }).click();
  await page.getByRole("button", { name: "Remove rig-alpha" }).click();
  const removing = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  await removing.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No peers yet").first().waitFor();
  expect(await controller.ask("GET", "/peers")).toEqual([]);
});
