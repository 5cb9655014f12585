// A viewer looks: nothing that changes anything is offered.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { loggedIn } from "../deeds.ts";
import { scene } from "../scene.ts";
import { settled } from "../seen.ts";

const LOGINS = { ann: ["admin", "a long good password"], vic: ["viewer", "another good password"] } as const;
const CHANGES =
  /^(Add|Approve|Assign|Change|Create|Connect|Delete|Deploy|Duplicate|Edit|Import|Install|Make|New|Pause|Remove|Restart|Resume|Revoke|Roll back|Save|Set|Start|Stop|Tag|Turn away|Undo)\b/;

/** The names of what changes something, on every page. */
async function offered(page: Page, paths: string[]): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const path of paths) {
    await page.goto(path);
    await settled(page);
    const names: string[] = [];
    for (const role of ["button", "link", "menuitem"] as const) {
      for (const each of await page.getByRole(role, { name: CHANGES }).all()) {
        if (await each.isEnabled()) names.push((await each.getAttribute("aria-label")) ?? (await each.innerText()));
      }
    }
    found[path] = names;
  }
  return found;
}

/** What the palette would do to a rig. */
async function deeds(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const words of ["stop rig-alpha", "pause rig-alpha", "add peer", "new profile"]) {
    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog", { name: "Find" });
    await palette.getByRole("combobox").fill(words);
    await page.waitForTimeout(500);
    const options = await palette.getByRole("option").allInnerTexts();
    found.push(...options.filter((option) => /stop|pause|add a? ?peer|new profile/i.test(option)));
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.querySelector("dialog") === null); // closed, and gone
  }
  return found;
}

scene("a viewer is offered nothing that changes something, an admin is", async (stage) => {
  const controller = await stage.nodes.guardedController(LOGINS);
  await stage.nodes.rig(controller, "rig-alpha");
  const profile = await controller.ask<{ id: string }>("POST", "/profiles", {
    name: "monero", minerType: "simulated", config: { pool: "pool.example:3333" },
  });
  await controller.ask("POST", "/remote/rig-alpha/start", { profileId: profile.id });
  const [rig] = await controller.ask<{ id: string }[]>("GET", "/peers");
  const at = `/rigs/${rig?.id ?? ""}`;
  const paths = ["/", "/nodes", at, `${at}?tab=machine`, `${at}?tab=plan`, "/profiles", `/profiles/${profile.id}`, "/activity", "/settings"];

  const admin = await stage.open(controller, "/");
  admin.allow(/status of 401/);
  await loggedIn(admin.page, "ann", LOGINS.ann[1]);
  const forAdmin = await offered(admin.page, paths);
  for (const path of ["/nodes", at, "/profiles", `/profiles/${profile.id}`]) {
    expect(forAdmin[path]?.length, `what an admin is offered at ${path}`).toBeGreaterThan(0);
  }
  await admin.page.goto("/");
  await settled(admin.page);
  expect((await deeds(admin.page)).length, "what the palette offers an admin").toBeGreaterThanOrEqual(4);
  stage.check();

  const viewer = await stage.open(controller, "/");
  viewer.allow(/status of 40[13]/);
  await loggedIn(viewer.page, "vic", LOGINS.vic[1]);
  const forViewer = await offered(viewer.page, paths);
  expect(Object.entries(forViewer).filter(([, names]) => names.length > 0), "what a viewer is offered").toEqual([]);
  await viewer.page.goto("/");
  await settled(viewer.page);
  expect(await deeds(viewer.page), "what the palette offers a viewer").toEqual([]);
});
