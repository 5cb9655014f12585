// @vitest-environment happy-dom
import { type Component, flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import Confirm from "../../parts/Confirm.svelte";
import { session } from "../../session.svelte";
import Lock from "./Lock.svelte";
import Schedule from "./Schedule.svelte";

const CHANGED = { status: 412, body: { error: "It was changed meanwhile.", code: "CHANGED" } };
const lock = (more: object = {}) => ({ locked: true, serial: 3, wallets: ["4AAA"], pools: ["pool.example:3333"], keys: [], file: "/etc/lock", ...more });
const schedule = (otherwise: string) => ({ rules: [{ days: [0], startMinute: 60, endMinute: 120, do: "pause" }], otherwise, now: "run", until: null, localTime: "Mon 10:00", problem: "" });

let answers: Record<string, () => { status?: number; body: unknown; etag?: string }>;
let asked: { what: string; body: unknown; match: string | null }[];
let shown: Record<string, unknown> | undefined;
beforeEach(() => {
  asked = [];
  answers = { "GET /profiles": () => ({ body: [{ name: "day" }] }) };
  session.who = { name: "ann", role: "admin", door: "login", expiresAt: null };
  vi.stubGlobal("fetch", async (request: Request) => {
    const what = `${request.method} ${new URL(request.url).pathname.replace("/api/v1/mining", "")}`;
    asked.push({ what, body: request.body ? await request.json() : undefined, match: request.headers.get("If-Match") });
    const { status = 200, body, etag } = answers[what]?.() ?? { status: 404, body: { error: what, code: "NONE" } };
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...(etag ? { ETag: etag } : {}) } });
  });
});
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = session.who = undefined;
  vi.unstubAllGlobals();
});
function show(component: Component<{ name: string }> | Component<Record<string, never>>): void {
  shown = mount(component as Component<{ name: string }>, { target: document.body, props: { name: "here" } });
  flushSync();
}
const words = () => document.body.textContent.replace(/\s+/g, " ");
const says = (text: string) => vi.waitFor(() => (flushSync(), expect(words()).toContain(text)));
const buttons = () => [...document.querySelectorAll("button")];
const named = (name: string) => buttons().filter((button) => button.textContent.trim() === name).at(-1);
function press(name: string): void {
  const button = named(name);
  if (!button) throw new Error(`there is no ${name}: ${words()}`);
  button.click();
  flushSync();
}
const sent = (what: string) => vi.waitFor(() => expect(asked.filter((each) => each.what === what).length).toBeGreaterThan(0)).then(() => asked.filter((each) => each.what === what));
const reads = (path: string) => asked.filter((each) => each.what === `GET ${path}`).length;

describe("the lock's form", () => {
  const there = (view: object, etag: string) => (answers["GET /lock"] = () => ({ body: view, etag }));
  function fill(at: number, text: string): void {
    const field = document.querySelectorAll("dialog textarea")[at] as HTMLTextAreaElement;
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
  }

  it.each(["viewer", "operator"] as const)("is not for a %s", async (role) => {
    if (session.who) session.who = { ...session.who, role };
    there(lock(), '"1"');
    show(Lock);
    await says("Admins set it");
    expect([named("Change lock"), named("Clear lock"), buttons().length]).toEqual([undefined, undefined, 0]);
  });

  it("needs a wallet and a pool before anything is sent, and sends lines with the tag of what was opened", async () => {
    there({ ...lock(), locked: false, wallets: [], pools: [] }, '"1"');
    answers["PUT /lock"] = () => ({ body: { ...lock(), stopped: [] } });
    show(Lock);
    await vi.waitFor(() => (flushSync(), expect(buttons()).toHaveLength(1)));
    buttons()[0]?.click();
    flushSync();
    buttons().at(-1)?.click();
    flushSync();
    expect(words()).toContain("This cannot be undone; what was locked before can be set again.");
    expect([document.querySelectorAll("[aria-invalid=true]").length, asked.some(({ what }) => what.startsWith("PUT"))]).toEqual([2, false]);
    fill(0, " 4AAA \n\n4BBB");
    fill(1, "pool.example:3333");
    buttons().at(-1)?.click();
    const [put] = await sent("PUT /lock");
    expect([put?.body, put?.match]).toEqual([{ wallets: ["4AAA", "4BBB"], pools: ["pool.example:3333"], keys: [] }, '"1"']);
    await vi.waitFor(() => (flushSync(), expect(document.querySelector("dialog")).toBeNull()));
  });

  it("overwrites nobody: it says so, keeps what was typed, and what is there now is read when it is closed", async () => {
    there(lock(), '"1"');
    answers["PUT /lock"] = () => CHANGED;
    show(Lock);
    await says("4AAA");
    buttons()[0]?.click();
    flushSync();
    fill(0, "4CCC");
    buttons().at(-1)?.click();
    await says("Close this and look at it as it is now.");
    expect((document.querySelector("dialog textarea") as HTMLTextAreaElement).value).toBe("4CCC");
    there(lock({ wallets: ["4DDD"] }), '"2"');
    press("Cancel");
    await says("4DDD");
    buttons()[0]?.click();
    flushSync();
    buttons().at(-1)?.click();
    await vi.waitFor(() => expect(asked.filter(({ what }) => what === "PUT /lock").map(({ match }) => match)).toEqual(['"1"', '"2"']));
  });

  it("sets one that has vanished anew, without a tag of what nobody could read", async () => {
    answers["GET /lock"] = () => ({ status: 409, body: { error: "The lock has vanished.", code: "LOCK_VANISHED" } });
    answers["PUT /lock"] = () => ({ body: { ...lock(), stopped: [] } });
    show(Lock);
    await says("The lock has vanished.");
    const question = mount(Confirm, { target: document.body });
    press("Clear lock");
    await says("What it said is lost.");
    expect(words()).toContain("This cannot be undone; a lock can be set anew");
    press("Cancel");
    await vi.waitFor(() => (flushSync(), expect(document.querySelector("dialog")).toBeNull()));
    await unmount(question);
    press("Set lock");
    fill(0, "4AAA");
    fill(1, "pool.example:3333");
    buttons().at(-1)?.click();
    const [put] = await sent("PUT /lock");
    expect(put?.match).toBeNull();
  });
});

describe("the editor of this node's schedule", () => {
  const there = (otherwise: string, etag: string) => (answers["GET /schedule"] = () => ({ body: schedule(otherwise), etag }));

  it("is not for a viewer", async () => {
    if (session.who) session.who = { ...session.who, role: "viewer" };
    there("run", '"1"');
    show(Schedule);
    await says("Mon 10:00");
    expect(buttons()).toEqual([]);
  });

  it("offers this node's profiles, and sets what is there with the tag of what was opened", async () => {
    there("run", '"1"');
    answers["PUT /schedule"] = () => ({ body: schedule("pause") });
    show(Schedule);
    await says("Mon 10:00");
    buttons()[0]?.click();
    await vi.waitFor(() => (flushSync(), expect(document.querySelector('option[value="profile:day"]')).not.toBeNull()));
    press("Tue");
    buttons().at(-1)?.click();
    const [put] = await sent("PUT /schedule");
    expect([put?.match, put?.body]).toEqual(['"1"', { rules: [{ ...schedule("").rules[0], days: [0, 1] }], otherwise: "run" }]);
    await vi.waitFor(() => (flushSync(), expect(document.querySelector("dialog")).toBeNull()));
    expect(reads("/schedule")).toBe(2);
  });

  it("overwrites nobody, and reads what is there now when it is closed", async () => {
    there("run", '"1"');
    answers["PUT /schedule"] = () => CHANGED;
    show(Schedule);
    await says("Mon 10:00");
    buttons()[0]?.click();
    flushSync();
    buttons().at(-1)?.click();
    await says("Close this and look at it as it is now.");
    there("pause", '"2"');
    press("Cancel");
    await vi.waitFor(() => expect(reads("/schedule")).toBe(2));
    await vi.waitFor(() => {
      buttons()[0]?.click();
      flushSync();
      expect(([...document.querySelectorAll("select")].at(-1) as HTMLSelectElement).value).toBe("pause");
    });
  });
});
