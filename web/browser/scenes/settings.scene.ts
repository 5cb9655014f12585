// The settings, used: tokens, logins, what is kept, how the page looks.
import { expect } from "vitest";
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
