// A viewer looks: nothing that changes anything is offered.
import { expect } from "vitest";
import type { Page } from "playwright-core";
import { loggedIn } from "../deeds.ts";
import { scene } from "../scene.ts";
import { settled } from "../seen.ts";

const LOGINS = { ann: ["admin", "a long good password"], vic: ["viewer", "another good password"] } as const;
const CHANGES =
  /^(Add|Approve|Assign|Change|Create|Delete|Deploy|Edit|Import|Install|Make|New|Pause|Remove|Restart|Resume|Revoke|Save|Set|Start|Stop|Turn away)\b/;

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
  stage.check();

  const viewer = await stage.open(controller, "/");
  viewer.allow(/status of 40[13]/);
  await loggedIn(viewer.page, "vic", LOGINS.vic[1]);
  const forViewer = await offered(viewer.page, paths);
  expect(Object.entries(forViewer).filter(([, names]) => names.length > 0), "what a viewer is offered").toEqual([]);
});
