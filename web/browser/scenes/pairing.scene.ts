// Who may be a peer: those that wait are compared and approved, a node with other keys than it should have is refused.
import { expect } from "vitest";
import { scene } from "../scene.ts";

scene("a node that waits is compared by its words, approved, and connected", async (stage) => {
  const controller = await stage.nodes.controller();
  const rig = stage.nodes.add("rig-pending");
  await rig.init("worker");
  await rig.serveAsRig();
  const { page } = await stage.open(controller, "/nodes");
  await page.getByRole("heading", { level: 1, name: "Nodes" }).waitFor();
  await rig.done(["peer", "add", "--address", controller.address]);

  const waiting = page.getByRole("region", { name: "Waiting for approval" });
  await waiting.getByText("rig-pending").waitFor({ timeout: 60_000 });
  const words = (await rig.info()).identity.words;
  await waiting.getByText(words).waitFor();
  await waiting.getByRole("button", { name: "Approve rig-pending" }).click();
  const dialog = page.getByRole("dialog", { name: "Approve rig-pending?" });
  const read = async (list: number) => (await dialog.getByRole("list").nth(list).getByRole("listitem").allInnerTexts()).join(" ");
  await dialog.getByRole("listitem").first().waitFor();
  expect([await read(0), await read(1)]).toEqual([words, (await controller.info()).identity.words]);
  expect(await dialog.getByRole("button", { name: "Approve" }).isDisabled(), "before the words are compared").toBe(true);
  await dialog.getByLabel("Both screens show the same words").check();
  await dialog.getByRole("button", { name: "Approve" }).click();
  await dialog.waitFor({ state: "detached" });
  await waiting.waitFor({ state: "detached" });
  await page.getByRole("row").filter({ hasText: "rig-pending" }).waitFor({ timeout: 60_000 });
  await page.getByRole("row").filter({ hasText: "rig-pending" }).getByText("now").waitFor({ timeout: 60_000 });
});

scene("a node that is turned away goes from the page", async (stage) => {
  const controller = await stage.nodes.controller();
  const rig = stage.nodes.add("rig-unwanted");
  await rig.init("worker");
  await rig.serveAsRig();
  const { page } = await stage.open(controller, "/nodes");
  await rig.done(["peer", "add", "--address", controller.address]);
  const waiting = page.getByRole("region", { name: "Waiting for approval" });
  await waiting.getByRole("button", { name: "Turn away rig-unwanted" }).click();
  await page.getByRole("dialog").or(page.getByRole("alertdialog")).getByRole("button", { name: "Turn away" }).click();
  await waiting.waitFor({ state: "detached" });
  expect(await controller.ask("GET", "/peers")).toEqual([]);
  expect(await controller.ask("GET", "/peers/pending"), "it does not wait any more").toEqual([]);
});

scene("by address: a node with another fingerprint is refused, the right one is added", async (stage) => {
  const controller = await stage.nodes.controller();
  const rig = stage.nodes.add("rig-by-address");
  await rig.init("worker");
  await rig.serveAsRig();
  const opened = await stage.open(controller, "/nodes?add=address");
  opened.allow(/Failed to load resource: the server responded with a status of 4/);
  const dialog = opened.page.getByRole("dialog", { name: "Add a peer" });
  await dialog.getByLabel("Address", { exact: true }).fill(rig.address);
  const own = (await controller.info()).identity.fingerprint;
  await dialog.getByLabel("Its words or key fingerprint").fill(own);
  await dialog.getByRole("button", { name: "Add peer" }).click();
  await dialog.getByRole("alert").waitFor();
  expect(await dialog.getByRole("alert").innerText()).toMatch(/fingerprint|key/i);
  expect(await controller.ask("GET", "/peers")).toEqual([]);

  const right = (await rig.info()).identity.fingerprint;
  await dialog.getByLabel("Its words or key fingerprint").fill(right);
  await dialog.getByRole("button", { name: "Add peer" }).click();
  await dialog.getByText(/waits for approval there/).waitFor();
  await dialog.getByText("Its keys were compared.").waitFor();
  const id = (await controller.info()).identity.id;
  await rig.done(["peer", "approve", id]);
  await dialog.getByText(/is connected/).waitFor({ timeout: 60_000 });
});
