// Several rigs at once: asked with what and how many, a job with the progress of each, an entry in the journal that can be found.
import { expect } from "vitest";
import { threeRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { until } from "../waiting.ts";

const farm = shared(threeRigs);

scene("three rigs are stopped as one job, which tells of each; the journal finds it by its filters", async (stage) => {
  const there = await farm();
  const { page } = await stage.open(there, "/nodes");
  await page.getByRole("checkbox", { name: /^Select all/ }).check();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  const sure = page.getByRole("dialog", { name: "Stop 3 miners on 3 rigs" });
  await sure.getByText("They stay stopped until somebody starts them", { exact: false }).waitFor();
  await sure.getByRole("button", { name: "Stop 3 miners on 3 rigs" }).click();
  const progress = page.getByRole("dialog", { name: "Stopping on 3 rigs" });
  await progress.getByText("3 of 3 done", { exact: false }).waitFor({ timeout: 60_000 });
  for (const name of ["rig-alpha", "rig-beta", "rig-gamma"]) await progress.getByText(name).first().waitFor();
  await progress.getByRole("link", { name: "Show the job" }).click();

  await page.getByRole("heading", { level: 1, name: "Stop on 3 rigs" }).waitFor();
  const rigs = page.getByRole("listitem").filter({ hasText: /rig-(alpha|beta|gamma)/ });
  await until("three rigs that are done", async () => (await rigs.filter({ hasText: "Done" }).count()) === 3);
  await page.getByRole("searchbox", { name: "Find a rig" }).fill("beta");
  await until("one rig", async () => (await rigs.count()) === 1);

  await page.goto("/activity/audit");
  const rows = page.getByRole("list").filter({ hasText: "For what" }).getByRole("listitem");
  await until("the journal", async () => (await rows.count()) > 3);
  await page.getByRole("combobox", { name: "Action" }).selectOption("Stop on many rigs");
  const stops = rows.filter({ hasText: "Stop on many rigs" }); // the question which rigs it would be for is none
  const onlyStops = async () => (await rows.count()) === 1 && (await stops.count()) === 1;
  await until("its entries", onlyStops);
  expect(new URL(page.url()).searchParams.get("action")).toBe("stop_many");
  await page.reload();
  await until("the same by its address", onlyStops);
  await page.getByRole("searchbox", { name: "Who" }).fill("nobody-of-this-name");
  await page.getByText("Nothing matches these filters").waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await until("all of them", async () => (await rows.count()) > 3);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText(/^Sound: all/).waitFor({ timeout: 60_000 });
});
