// Nothing jumps: not when data comes late, not while it changes.
import { expect } from "vitest";
import { simulatedRigs, threeRigs, type Farm } from "../farm.ts";
import { scene, shared, type Stage } from "../scene.ts";
import { contextOf, PAGES, settled, SIZES } from "../seen.ts";
import { until } from "../waiting.ts";
import { late, notingShifts, takeShifts, told, type Late } from "../shifts.ts";

/** As the browser counts, where 0.1 is still called good. */
const MOST = 0.02;
const WATCHED_MS = 2_500;
const [WIDE, , PHONE] = SIZES;

const three = shared(threeRigs);
/** Some are in trouble, some nodes wait for approval, and five of them say something new each second. */
const lively = shared(() => simulatedRigs(18, "--changes-per-second", "90", "--history", "2h"));

function addresses(farm: Farm): string[] {
  const rig = `/rigs/${farm.rigs[0] ?? ""}`;
  return [...PAGES.map((seen) => seen.path(farm)), ...["console", "machine", "plan", "journal"].map((tab) => `${rig}?tab=${tab}`)];
}

/** Wait until what needs somebody has been the same for a while: what is new is shown at once, and takes its place. */
async function sameAlertsFor(farm: Farm, ms: number): Promise<void> {
  let [known, since] = ["", Date.now()];
  await until("the alerts to stay as they are", async () => {
    const alerts = (await (await fetch(`${farm.origin}/api/v1/mining/alerts?limit=1000`)).json()) as { id: string }[];
    const ids = alerts.map((alert) => alert.id).sort().join(" ");
    if (ids !== known) [known, since] = [ids, Date.now()];
    return ids !== "" && Date.now() - since >= ms;
  }, 120_000);
}

/** Open each address and look on for a while: at which of them more than a little moved by itself, and what. */
async function moved(stage: Stage, farm: Farm, size: (typeof SIZES)[number], lateness?: Late): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const { page } = await stage.open(farm, "/api/v1/mining/health", contextOf({ size, theme: "light" }));
  await notingShifts(page);
  if (lateness !== undefined) await late(page, lateness);
  for (const path of addresses(farm)) {
    await page.goto(path);
    await settled(page);
    await page.waitForTimeout(lateness === undefined ? WATCHED_MS : 800);
    const { sum, moved } = told(await takeShifts(page));
    if (sum > MOST) found[path] = { sum, moved };
  }
  await page.unrouteAll({ behavior: "ignoreErrors" });
  return found;
}

scene("what comes late has a place that was kept for it: the answers last", async (stage) => {
  expect(await moved(stage, await three(), WIDE, { answersMs: 900, feedMs: 100 })).toEqual({});
});

scene("what comes late has a place that was kept for it: the feed last, on a phone", async (stage) => {
  expect(await moved(stage, await three(), PHONE, { answersMs: 50, feedMs: 900 })).toEqual({});
});

scene("nothing moves when trouble is loaded, and while numbers change", async (stage) => {
  const there = await lively();
  await sameAlertsFor(there, 5_000);
  expect(await moved(stage, there, WIDE)).toEqual({});
});
