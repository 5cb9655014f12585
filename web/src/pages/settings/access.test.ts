// @vitest-environment happy-dom
import { type Component, flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { router } from "../../router.svelte";
import { session } from "../../session.svelte";
import Logins from "./Logins.svelte";
import OwnPassword from "./OwnPassword.svelte";
import Tokens from "./Tokens.svelte";
import You from "./You.svelte";

const AT = "2026-01-01T00:00:00Z";
const token = (n: number) => ({ id: `t${n}`, name: `grafana-${n}`, role: n % 2 ? "viewer" : "admin", status: "valid", prefix: `mct_${n}`, createdAt: AT, createdBy: "owner", expiresAt: null, lastUsed: null, token: null });
const login = (n: number) => ({ name: `ann-${n}`, role: n % 2 ? "viewer" : "admin", createdAt: AT, changedAt: AT, lastUsed: null, sessions: 0 });

let answers: Record<string, () => { status?: number; body: unknown }>;
let asked: { what: string; body: unknown }[];
let shown: Record<string, unknown> | undefined;
beforeEach(() => {
  asked = [];
  answers = {};
  session.who = { name: "ann-1", role: "admin", door: "login", expiresAt: null };
  vi.stubGlobal("fetch", async (request: Request) => {
    const what = `${request.method} ${new URL(request.url).pathname.replace("/api/v1/mining", "")}`;
    asked.push({ what, body: request.body ? await request.json() : undefined });
    const { status = 200, body } = answers[what]?.() ?? { status: 404, body: { error: what, code: "NONE" } };
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  });
});
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = undefined;
  router.set({ tokens: null, logins: null });
  session.who = undefined;
  vi.unstubAllGlobals();
});
function show<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): void {
  shown = mount(component, { target: document.body, props });
  flushSync();
}
const all = <T extends HTMLElement>(selector: string) => [...document.querySelectorAll<T>(selector)];
const listed = (n: number) => vi.waitFor(() => (flushSync(), expect(all("section li")).toHaveLength(n)));
function fill(at: HTMLInputElement | undefined, text: string): void {
  if (!at) throw new Error("there is no such field");
  at.value = text;
  at.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

describe.each([
  ["tokens", Tokens, "/tokens", token, "Filter API tokens"],
  ["logins", Logins, "/logins", login, "Filter logins"],
] as const)("the list of %s", (_, component, path, row, label) => {
  const there = (n: number) => (answers[`GET ${path}`] = () => ({ body: Array.from({ length: n }, (_each, at) => row(at)) }));

  it("has no filter where there are eight", async () => {
    there(8);
    show(component as Component<Record<string, never>>, {});
    await listed(8);
    expect(all("input[type=search]")).toEqual([]);
  });

  it("is narrowed by name and role where there are more", async () => {
    there(20);
    show(component as Component<Record<string, never>>, {});
    await listed(20);
    const [field] = all<HTMLInputElement>("input[type=search]");
    expect(field?.getAttribute("aria-label")).toBe(label);
    fill(field, "admin -1");
    expect([all("section li").length, document.querySelector("[role=status]")?.textContent]).toEqual([5, "5 of 20"]);
    fill(field, "nobody");
    expect([all("section li").length, document.body.textContent?.includes("Nothing matches “nobody”")]).toEqual([0, true]);
  });

  it("is for admins, and not even asked for by others", () => {
    session.who = { name: "vic", role: "viewer", door: "login", expiresAt: null };
    show(component as Component<Record<string, never>>, {});
    expect([document.body.textContent?.includes("for admins"), all("button").length, asked.length]).toEqual([true, 0, 0]);
  });
});

describe("the own password", () => {
  it.each(["token", "loopback", "owner"] as const)("is not offered who came in as %s", (door) => {
    session.who = { name: "", role: "admin", door, expiresAt: null };
    show(You as Component<Record<string, never>>, {});
    expect(all("button")).toEqual([]);
  });

  it("is offered a viewer who has logged in", () => {
    session.who = { name: "vic", role: "viewer", door: "login", expiresAt: null };
    show(You as Component<Record<string, never>>, {});
    expect(all("button").map((each) => each.textContent?.trim())).toEqual(["Change password", "Log out"]);
  });

});

describe("the dialog for the own password", () => {
  const closed = vi.fn();
  const fields = () => all<HTMLInputElement>(".password input");
  const said = () => document.querySelector("form")?.textContent ?? "";
  async function submit(current: string, next: string): Promise<void> {
    fill(fields()[0], current);
    fill(fields()[1], next);
    document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await vi.waitFor(() => (flushSync(), expect(document.querySelector("[aria-busy=true]")).toBeNull()));
  }
  beforeEach(() => {
    closed.mockReset();
    show(OwnPassword, { name: "vic", onclose: closed });
  });

  it("can be filled in by password managers, for the right name", () => {
    expect(all<HTMLInputElement>("form input").map((each) => [each.autocomplete, each.type])).toEqual([["username", "text"], ["current-password", "password"], ["new-password", "password"]]);
    expect(all<HTMLInputElement>("form input")[0]?.value).toBe("vic");
  });

  it.each([
    ["", "another good one", "The one you have logged in with."],
    ["what it was", "x".repeat(9), "9 characters: at least 10."],
    ["what it was", "x".repeat(257), "257 characters: at most 256."],
  ])("asks the node for nothing, from %j to %j", async (current, next, words) => {
    await submit(current, next);
    expect([said().includes(words), asked.length, closed.mock.calls.length]).toEqual([true, 0, 0]);
  });

  it("takes a weak one, and calls it weak", async () => {
    answers["POST /session/password"] = () => ({ body: session.who });
    fill(fields()[1], "vicvicvicvic");
    expect(said()).toContain("The name is in it");
    await submit("what it was", "vicvicvicvic");
    expect(asked).toEqual([{ what: "POST /session/password", body: { currentPassword: "what it was", newPassword: "vicvicvicvic" } }]);
    expect(closed).toHaveBeenCalledOnce();
  });

  it("stays, with why, when the current one is wrong; nobody is logged out for that", async () => {
    answers["POST /session/password"] = () => ({ status: 403, body: { error: "The current password is wrong.", code: "WRONG_PASSWORD", suggestion: "Try again." } });
    await submit("a guess", "another good one");
    expect(said()).toContain("The current password is wrong. Try again.");
    expect([fields()[0]?.value, fields()[0]?.getAttribute("aria-invalid"), document.activeElement === fields()[0], fields()[1]?.value]).toEqual(["", "true", true, "another good one"]);
    expect([closed.mock.calls.length, session.who?.name]).toEqual([0, "ann-1"]);
  });

  it("says when it has to wait", async () => {
    answers["POST /session/password"] = () => ({ status: 429, body: { error: "There were too many wrong passwords or tokens.", code: "TOO_MANY_FAILURES", suggestion: "Try again in 4 s." } });
    await submit("a guess", "another good one");
    expect(said()).toContain("Try again in 4 s.");
    expect(fields()[0]?.value).toBe("a guess");
  });
});
