// Who may see the page, and what becomes of it when its node goes away.
import { expect } from "vitest";
import { scene } from "../scene.ts";
import { LOOKS, contextOf, settled } from "../seen.ts";

const LOGINS = { ann: ["admin", "a long good password"], vic: ["viewer", "another good password"] } as const;
/** What the browser itself says about answers that are refusals. */
const REFUSED = /Failed to load resource: the server responded with a status of 401/;
const AWAY = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket connection to .* failed/;

scene("a wrong password says so, the right one enters where one wanted to go, and logging out ends it", async (stage) => {
  const node = await stage.nodes.guardedController(LOGINS);
  const opened = await stage.open(node, "/profiles");
  opened.allow(REFUSED);
  const { page } = opened;
  await page.getByRole("heading", { name: "Log in" }).waitFor();

  await page.getByLabel("Name", { exact: true }).fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("a long bad password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").getByText(/password/i).first().waitFor();
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("ann");
  expect(await page.getByLabel("Password", { exact: true }).inputValue()).toBe("");

  await page.getByLabel("Password", { exact: true }).fill(LOGINS.ann[1]);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Profiles" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/profiles");

  const [cookie, ...others] = await page.context().cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(stored).not.toContain(LOGINS.ann[1]);
  expect(stored).not.toContain(cookie?.value ?? "nothing");

  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Profiles" }).waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
});

scene("a login that is removed ends on the open page, and says so", async (stage) => {
  const node = await stage.nodes.guardedController(LOGINS);
  const opened = await stage.open(node, "/");
  opened.allow(REFUSED, /WebSocket/);
  const { page } = opened;
  await page.getByLabel("Name", { exact: true }).fill("vic");
  await page.getByLabel("Password", { exact: true }).fill(LOGINS.vic[1]);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  await node.done(["login", "remove", "vic"]);
  await page.getByText("Your session has ended", { exact: false }).waitFor({ timeout: 60_000 });
});

scene("a node that restarts under the open page: it says so, and comes back by itself", async (stage) => {
  const node = await stage.nodes.controller();
  const opened = await stage.open(node, "/");
  const { page } = opened;
  await settled(page);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await settled(page);
  await page.evaluate(() => (document.documentElement.dataset["unreloaded"] = "yes"));

  opened.allow(AWAY);
  await node.stop();
  const bar = page.getByRole("status").filter({ hasText: "No word from the node" });
  await bar.waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: "Settings" }).click(); // what was open once opens again without the node
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();

  await node.serve();
  await bar.waitFor({ state: "detached", timeout: 60_000 });
  await page.getByRole("link", { name: "Overview" }).click();
  await stage.nodes.rig(node, "rig-delta");
  await page.getByText("rig-delta").first().waitFor({ timeout: 60_000 });
  expect(await page.evaluate(() => document.documentElement.dataset["unreloaded"])).toBe("yes");
});

scene("a page that is opened while the node is away is there when it is back", async (stage) => {
  const node = await stage.nodes.controller();
  const opened = await stage.open(node, "/");
  const { page } = opened;
  await settled(page);
  opened.allow(AWAY);
  await node.stop();
  await page.getByRole("status").filter({ hasText: "No word from the node" }).waitFor({ timeout: 60_000 });
  await page.getByRole("link", { name: "Activity" }).click();
  await page.getByText("could not be loaded").waitFor();
  await node.serve();
  await page.getByRole("heading", { level: 1, name: "Activity" }).waitFor({ timeout: 60_000 });
});

scene("every address opens by itself, goes back and forward, and one that is none says so", async (stage) => {
  const node = await stage.nodes.controller();
  const opened = await stage.open(node, "/nodes");
  const { page } = opened;
  for (const [path, title] of [["/", "Overview"], ["/nodes", "Nodes"], ["/profiles", "Profiles"], ["/activity", "Activity"], ["/settings", "Settings"]]) {
    await page.goto(path ?? "");
    await page.getByRole("heading", { level: 1, name: title ?? "" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: title ?? "" }).waitFor();
  }
  await page.getByRole("link", { name: "Nodes" }).click();
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  await page.goForward();
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  await page.goto("/no/such/page");
  await page.getByText("There is no such page").waitFor();
});

scene("the page follows the system between light and dark, and moves nothing where that is asked", async (stage) => {
  const node = await stage.nodes.controller();
  const opened = await stage.open(node, "/", { colorScheme: "light", reducedMotion: "reduce" });
  const { page } = opened;
  await settled(page);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction((before) => getComputedStyle(document.documentElement).backgroundColor !== before, light);
  expect(await background()).not.toBe(light);
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll("*")].filter((each) => {
      const style = getComputedStyle(each);
      return [style.transitionDuration, style.animationDuration].some((time) => parseFloat(time) > 0.01);
    }).length,
  );
  expect(moving, "elements that move").toBe(0);
});

scene("no page is wider than a phone", async (stage) => {
  const node = await stage.nodes.controller();
  const phone = LOOKS.find((look) => look.size.width === 390);
  if (phone === undefined) throw new Error("there is no phone");
  const opened = await stage.open(node, "/", contextOf(phone));
  for (const path of ["/", "/nodes", "/profiles", "/activity", "/settings"]) {
    await opened.page.goto(path);
    await settled(opened.page);
    const [wide, there] = await opened.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(wide, `${path} is as wide as the phone`).toBeLessThanOrEqual(there ?? 0);
  }
});
