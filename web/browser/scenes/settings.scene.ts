// The settings, used: tokens, logins, what is kept, how the page looks.
import { expect } from "vitest";
import { judged } from "../axe.ts";
import { scene } from "../scene.ts";
import { loggedIn } from "../deeds.ts";
import { until } from "../waiting.ts";

const PASSWORD = "a long good password";

scene("a token is shown once, lets somebody in, and does not any more once it is revoked", async (stage) => {
  const node = await stage.nodes.guardedController({ ann: ["admin", PASSWORD] });
  const opened = await stage.open(node, "/settings/access");
  opened.allow(/status of 401/);
  const { page } = opened;
  await loggedIn(page, "ann", PASSWORD);
  await page.getByRole("button", { name: "Create token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("grafana");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const shown = dialog.getByText(/^mct_/);
  await shown.waitFor();
  const token = await shown.innerText();
  const asked = async () => (await fetch(`${node.origin}/api/v1/mining/peers`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await asked()).toBe(200);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("grafana", { exact: true }).waitFor();
  await page.getByText("never", { exact: false }).or(page.getByText("now", { exact: true })).first().waitFor();
  expect(await page.content()).not.toContain(token);

  await page.getByRole("button", { name: "Revoke grafana" }).click();
  const sure = page.getByRole("dialog", { name: "Revoke the token grafana?" });
  await sure.getByText("This cannot be undone", { exact: false }).waitFor();
  await sure.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The token grafana is revoked.").waitFor();
  expect(await asked()).toBe(401);
});

scene("a login is made, changed and removed; a weak password is refused where it is typed", async (stage) => {
  const node = await stage.nodes.guardedController({ ann: ["admin", PASSWORD] });
  const opened = await stage.open(node, "/settings/access");
  opened.allow(/status of 40[019]/);
  const { page } = opened;
  await loggedIn(page, "ann", PASSWORD);
  await page.getByRole("button", { name: "Create login" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("ben");
  await dialog.getByLabel("New password", { exact: true }).fill("short");
  await dialog.getByRole("button", { name: "Create login" }).click();
  await dialog.getByText("at least 10", { exact: false }).first().waitFor();
  expect(await node.ask("GET", "/logins")).toHaveLength(1);
  await dialog.getByLabel("New password", { exact: true }).fill("another good password");
  await dialog.getByRole("button", { name: "Create login" }).click();
  await page.getByText("The login ben is set.").waitFor();
  expect(await node.ask("GET", "/logins")).toHaveLength(2);

  await page.getByRole("button", { name: "Remove ben" }).click();
  await page.getByRole("dialog", { name: "Remove the login ben?" }).getByRole("button", { name: "Remove" }).click();
  await page.getByText("The login ben is removed.").waitFor();
  expect(await node.ask("GET", "/logins")).toHaveLength(1);
});

scene("a viewer changes the own password: this browser stays logged in, another one does not", async (stage) => {
  const node = await stage.nodes.guardedController({ vic: ["viewer", PASSWORD] });
  const open = async () => {
    const opened = await stage.open(node, "/settings/access");
    opened.allow(/status of 40[13]/);
    await loggedIn(opened.page, "vic", PASSWORD);
    return opened.page;
  };
  const [page, elsewhere] = [await open(), await open()];
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog", { name: "Change password" });
  const [current, next] = [dialog.getByLabel("Current password", { exact: true }), dialog.getByLabel("New password", { exact: true })];
  const change = () => dialog.getByRole("button", { name: "Change password" }).click();
  await current.fill("a guess of somebody's");
  await next.fill("short");
  await change();
  await dialog.getByText("at least 10", { exact: false }).first().waitFor();
  await next.fill("another good password");
  await change();
  await dialog.getByText("The current password is wrong.", { exact: false }).waitFor();
  expect(await current.evaluate((field: HTMLInputElement) => [field.value, field === document.activeElement]), "it is to be typed anew").toEqual(["", true]);
  expect((await judged(page)).violations).toEqual([]);
  await current.fill(PASSWORD);
  await change();
  await page.getByText("Your password is changed.").waitFor();
  await dialog.waitFor({ state: "detached" });
  expect(await page.evaluate(() => location.href + JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain("another good password");

  await page.reload();
  await page.getByRole("heading", { name: "You", exact: true }).waitFor();
  await elsewhere.reload();
  await elsewhere.getByLabel("Password", { exact: true }).waitFor();
  await loggedIn(elsewhere, "vic", "another good password");
});

scene("a long list is narrowed by typing, by a link, and moves nothing when it gets long", async (stage) => {
  const node = await stage.nodes.controller();
  for (let at = 0; at < 8; at += 1) {
    await node.ask("POST", "/tokens", { name: `grafana-${at}` });
    await node.ask("POST", "/invites", { for: "rig", address: ["127.0.0.1:1"] });
  }
  const { page } = await stage.open(node, "/settings/access");
  const revoke = page.getByRole("button", { name: /^Revoke / });
  await until("eight tokens", async () => (await revoke.count()) === 8);
  expect(await page.getByRole("searchbox").count(), "eight are seen at a glance").toBe(0);
  await node.ask("POST", "/tokens", { name: "laptop" });
  await page.reload();
  const filter = page.getByRole("searchbox", { name: "Filter API tokens" });
  await filter.fill("LAP");
  await page.getByText("1 of 9", { exact: true }).waitFor();
  expect(await revoke.count()).toBe(1);
  await page.reload();
  await page.getByText("1 of 9", { exact: true }).waitFor();
  expect([await filter.inputValue(), await revoke.count()]).toEqual(["LAP", 1]);
  await filter.press("Escape");
  await until("all of them", async () => (await revoke.count()) === 9);
  await filter.fill("nothing of that name");
  await page.getByRole("button", { name: "Clear the filter" }).click();
  await until("all of them", async () => (await revoke.count()) === 9);
  expect(await filter.evaluate((field) => field === document.activeElement)).toBe(true);

  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 844 });
    await page.goto("/nodes");
    const tokens = page.getByRole("region", { name: "Open join tokens" });
    const top = () => tokens.evaluate((region) => (region.querySelector("ul")?.getBoundingClientRect().top ?? 0) - region.getBoundingClientRect().top);
    await until("eight join tokens", async () => (await tokens.getByRole("listitem").count()) === 8);
    const before = await top();
    const made = await node.ask<{ id: string }>("POST", "/invites", { for: "rig", address: ["127.0.0.1:1"] });
    const open = tokens.getByRole("searchbox", { name: "Filter open join tokens" });
    await open.waitFor();
    expect([await tokens.getByRole("listitem").count(), await top()], `at ${width} px the list stays where it is`).toEqual([9, before]);
    await open.fill(made.id.slice(0, 8));
    await tokens.getByText("1 of 9", { exact: true }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    expect((await judged(page)).violations).toEqual([]);
    await page.goto("/nodes");
    await node.ask("DELETE", `/invites/${made.id}`);
    await until("eight join tokens", async () => (await tokens.getByRole("listitem").count()) === 8);
  }
});

scene("what is kept is changed, and less only after a question", async (stage) => {
  const node = await stage.nodes.controller();
  const { page } = await stage.open(node, "/settings/history");
  const days = page.getByLabel("Events", { exact: true });
  await days.waitFor();
  const before = Number(await days.inputValue());
  const kept = async () => JSON.stringify(await node.ask("GET", "/history/settings"));
  const first = await kept();
  await days.fill(String(before - 1));
  await page.getByRole("button", { name: "Save" }).click();
  const sure = page.getByRole("dialog", { name: "Keep less history?" });
  await sure.getByRole("button", { name: "Cancel" }).click();
  expect(await kept(), "nothing is changed yet").toBe(first);
  await page.getByRole("button", { name: "Save" }).click();
  await sure.getByRole("button", { name: "Delete older history" }).click();
  await page.getByText("What is kept is set.", { exact: false }).waitFor();
  expect(await kept()).not.toBe(first);
  await page.reload();
  await until("what was set", async () => (await days.inputValue()) === String(before - 1));
});

scene("theme and density are chosen, seen at once, and remembered", async (stage) => {
  const node = await stage.nodes.controller();
  const { page } = await stage.open(node, "/settings/appearance", { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor);
  const row = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--row"));
  await page.getByLabel("Compact").waitFor();
  const [light, high] = [await ground(), await row()];
  await page.getByLabel("Dark").check();
  await page.getByLabel("Compact").check();
  await until("the other look", async () => (await ground()) !== light && (await row()) !== high);
  const [dark, low] = [await ground(), await row()];
  await page.reload();
  await page.getByLabel("Compact").waitFor();
  expect([await ground(), await row()]).toEqual([dark, low]);
  expect(await page.getByLabel("Dark").isChecked()).toBe(true);
});
