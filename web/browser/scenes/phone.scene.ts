// What differs on a phone: what does not fit beside stands below, and is reached all the same.
import { expect } from "vitest";
import { threeRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { contextOf, settled, SIZES } from "../seen.ts";

const farm = shared(threeRigs);
const PHONE = contextOf({ size: SIZES[2], theme: "light" });

scene("on a phone the tab that one is at is in sight", async (stage) => {
  const there = await farm();
  for (const [path, label] of [
    [`/rigs/${there.rigs[0] ?? ""}?tab=journal`, "Journal"],
    ["/settings/about", "About"],
  ] as const) {
    const { page } = await stage.open(there, path, PHONE);
    await settled(page);
    const box = await page.getByRole("main").getByRole("link", { name: label, exact: true }).boundingBox();
    expect(box, label).not.toBeNull();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 0), `the end of ${label}`).toBeLessThanOrEqual(SIZES[2].width);
  }
});

scene("on a phone what belongs to a profile is reached from above its fields", async (stage) => {
  const there = await farm();
  const { page } = await stage.open(there, `/profiles/${there.profiles[0] ?? ""}`, PHONE);
  await settled(page);
  await page.getByRole("button", { name: "In use" }).click();
  await expect.poll(() => page.getByRole("tab", { name: "In use" }).boundingBox().then((box) => box?.y ?? Infinity)).toBeLessThan(SIZES[2].height - 200);
  expect(await page.getByRole("tab", { name: "In use" }).getAttribute("aria-selected")).toBe("true");
  await page.reload();
  await settled(page);
  await expect.poll(() => page.getByRole("tab", { name: "In use" }).boundingBox().then((box) => box?.y ?? Infinity)).toBeLessThan(SIZES[2].height - 200);
});
