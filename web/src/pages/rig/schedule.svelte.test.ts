// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RigDetail } from "../../live/live.svelte";
import { session } from "../../session.svelte";
import Schedule from "./Schedule.svelte";

const RIG = "0123456789abcdef";
const schedule = (otherwise: string) => ({ rules: [], otherwise, now: "run", until: null, localTime: "Mon 10:00", problem: "" });
let version: { otherwise: string; etag: string };
let asked: { what: string; match: string | null }[];
let shown: Record<string, unknown>;
beforeEach(() => {
  version = { otherwise: "pause", etag: '"1"' };
  asked = [];
  session.who = { name: "ann", role: "operator", door: "login", expiresAt: null };
  vi.stubGlobal("fetch", async (request: Request) => {
    const [what, match] = [`${request.method} ${new URL(request.url).pathname.split("/").at(-1)}`, request.headers.get("If-Match")];
    asked.push({ what, match });
    const old = match !== null && match !== version.etag;
    const body = what === "GET info" ? { profiles: [] } : old ? { error: "It was changed.", code: "CHANGED" } : schedule(version.otherwise);
    return new Response(JSON.stringify(body), { status: old ? 412 : 200, headers: { "content-type": "application/json", ETag: version.etag } });
  });
});
afterEach(async () => {
  await unmount(shown);
  session.who = undefined;
  vi.unstubAllGlobals();
});
const reads = (n: number) => vi.waitFor(() => expect(asked.filter(({ what }) => what === "GET schedule")).toHaveLength(n));
const button = (at: number) => [...document.querySelectorAll("button")].at(at);
const otherwise = () => [...document.querySelectorAll("select")].at(-1)?.value;

it("a schedule that somebody else has set while the editor is open is not overwritten, and is read when the editor is closed", async () => {
  const props = $state({ detail: { nodeName: "rig-alpha", connected: true, schedule: "one" } as unknown as RigDetail, nodeId: RIG });
  shown = mount(Schedule, { target: document.body, props });
  await vi.waitFor(() => (flushSync(), expect(document.body.textContent).toContain("Mon 10:00")));
  button(0)?.click();
  flushSync();
  expect(otherwise()).toBe("pause");
  version = { otherwise: "run", etag: '"2"' };
  props.detail = { ...props.detail, schedule: "two" }; // what the rig follows now is asked for behind the editor
  flushSync();
  await reads(2);
  await new Promise((done) => setTimeout(done));
  expect(otherwise(), "what is edited stays").toBe("pause");
  button(-1)?.click();
  await vi.waitFor(() => (flushSync(), expect(document.body.textContent).toContain("Close this and look at it as it is now.")));
  expect(asked.filter(({ what }) => what === "POST schedule")).toEqual([{ what: "POST schedule", match: '"1"' }]);
  button(-2)?.click();
  flushSync();
  await reads(3);
  expect(document.querySelector("dialog")).toBeNull();
});
