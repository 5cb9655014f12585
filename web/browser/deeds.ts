// What people do at the page in more than one scene, by the names that they read there.
import type { Page } from "playwright-core";
import { scanned } from "./qr_code.ts";

/** Make a token at the page, give it and the command that is copied there to `join`, and wait until the page says who has joined. */
export async function addedByToken(page: Page, join: (token: string, command: string) => Promise<void>): Promise<void> {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("link", { name: "Add peer" }).or(page.getByRole("button", { name: "Add peer" })).first().click();
  const dialog = page.getByRole("dialog", { name: "Add a peer" });
  await dialog.getByRole("button", { name: "Create token" }).click();
  await dialog.getByRole("img", { name: "Join token as a QR code" }).waitFor();
  await dialog.getByRole("button", { name: "Copy the token" }).click();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  const read = await scanned(dialog.getByRole("img", { name: "Join token as a QR code" }));
  if (read.toLowerCase() !== token) throw new Error(`the QR code is not the token: ${read.length} characters of ${token.length}`);
  const kept = await page.evaluate(() => location.href + JSON.stringify({ ...localStorage, ...sessionStorage }));
  if (token.length < 40 || kept.includes(token)) throw new Error("the token is none, or is kept where it does not belong");
  await dialog.getByRole("button", { name: "Copy the command (Linux)" }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  await dialog.getByText("Waiting for it to join…", { exact: false }).waitFor();
  await join(token, command);
  await dialog.getByText(/has joined/).waitFor({ timeout: 60_000 });
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
}

/** Make a profile for the simulated miner in the editor. */
export async function madeProfile(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: "Profiles" }).first().click();
  await page.getByRole("button", { name: "New profile" }).first().click();
  await page.getByRole("heading", { level: 1, name: "New profile" }).waitFor();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Miner", { exact: true }).selectOption("simulated");
  await page.getByRole("textbox", { name: /^Pool\b/ }).first().fill("pool.example:3333");
  await page.getByRole("button", { name: "Create profile" }).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** Log in. */
export async function loggedIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
}
