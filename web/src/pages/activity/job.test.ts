// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { live } from "../../live/live.svelte";
import Confirm from "../../parts/Confirm.svelte";
import { router } from "../../router.svelte";
import { session } from "../../session.svelte";
import JobPage from "./JobPage.svelte";

const JOB = {
  id: "4b16ac67", action: "start", state: "done", askedBy: "login ann", createdAt: "2026-01-01T00:00:00Z", finishedAt: "2026-01-01T00:00:02Z", total: 3,
  counts: { waiting: 0, running: 0, done: 1, failed: 2, skipped: 0, interrupted: 0, cancelled: 0 }, sentBytes: 0, totalBytes: 0, order: null, retryOf: "", dryRun: false, peers: [],
};
const ORDER = { profileId: "p1", profileHash: "0123456789abcdef", minerName: "xmrig-1" };
const DETAIL = `GET /jobs/${JOB.id}`;
const AGAIN = "Try again on the 2 that failed";
const LOST = "not kept";
let answers: Record<string, () => unknown>;
let asked: string[];
let shown: object[];
beforeEach(() => {
  asked = [];
  answers = {
    "GET /jobs/4b16ac67/peers": () => [{ id: "r1", name: "rig-alpha", state: "failed" }, { id: "r2", name: "rig-beta", state: "failed" }],
    "GET /profiles/p1": () => ({ name: "day" }),
  };
  session.who = { name: "ann", role: "operator", door: "login", expiresAt: null };
  vi.stubGlobal("fetch", async (request: Request) => {
    const what = `${request.method} ${new URL(request.url).pathname.replace("/api/v1/mining", "")}`;
    asked.push(what);
    const body = await (answers[what]?.() ?? { error: what, code: "NONE" });
    return new Response(JSON.stringify(body), { status: answers[what] ? 200 : 404, headers: { "content-type": "application/json" } });
  });
  live.jobs.follow({ follow: (_: string, hear: Hear) => (hear({ type: "snapshot", topic: "jobs", part: 0, more: false, rows: [JOB], seq: 1 } as unknown as Parameters<Hear>[0]), () => {}) } as unknown as Feed);
});
function show(): void {
  shown = [mount(Confirm, { target: document.body }), mount(JobPage, { target: document.body, props: { id: JOB.id } })];
  flushSync();
}
afterEach(async () => {
  await Promise.all(shown.map((part) => unmount(part)));
  session.who = undefined;
  router.go("/");
  vi.unstubAllGlobals();
});
const words = () => document.body.textContent.replace(/\s+/g, " ");
const says = (text: string) => vi.waitFor(() => (flushSync(), expect(words()).toContain(text)));
const button = (name: string) => [...document.querySelectorAll("button")].filter((each) => each.textContent.trim() === name).at(-1);

describe("a job", () => {
  it("is tried again on the rigs on which it failed, once somebody has said so", async () => {
    answers[DETAIL] = () => ({ ...JOB, order: ORDER });
    show();
    await says("xmrig-1");
    answers[`POST /jobs/${JOB.id}/retry`] = () => ({ ...JOB, id: "again001" });
    button(AGAIN)?.click();
    await says("Start on 2 rigs again?");
    expect([...document.querySelectorAll("dialog li")].map((each) => each.textContent.trim())).toEqual(["rig-alpha", "rig-beta"]);
    expect(words()).toContain("Profile: day");
    expect(asked.filter((what) => what.startsWith("POST"))).toEqual([]);
    button("Start on 2 rigs")?.click();
    await vi.waitFor(() => expect(router.path).toBe("/activity/jobs/again001"));
    expect(asked.filter((what) => what.startsWith("POST"))).toEqual([`POST /jobs/${JOB.id}/retry`]);
  });

  it("says that its order is not kept once that is known, and offers no second try", async () => {
    let answer: (job: object) => void = () => {};
    answers[DETAIL] = () => new Promise((resolve) => (answer = resolve));
    show();
    await says("rig-alpha");
    expect([words().includes(LOST), button(AGAIN)]).toEqual([false, undefined]);
    answer(JOB);
    await says(LOST);
    expect(button(AGAIN)).toBeUndefined();
  });

  it("does not say so where the answer failed", async () => {
    show();
    await vi.waitFor(() => expect(asked).toContain(DETAIL));
    await says("rig-alpha");
    expect(words()).not.toContain(LOST);
  });

  it("says of one that held a secret that it is to be given anew", async () => {
    answers[DETAIL] = () => ({ ...JOB, order: { ...ORDER, config: { pools: [{ pool: "a", password: "…" }] } } });
    show();
    await says("held a password or another secret");
    expect(button(AGAIN)).toBeUndefined();
  });

  it("shows a viewer no version of a profile, as the profile's page does", async () => {
    if (session.who) session.who = { ...session.who, role: "viewer" };
    answers[DETAIL] = () => ({ ...JOB, order: ORDER });
    show();
    await says("xmrig-1");
    expect([words().includes("01234567"), button(AGAIN)]).toEqual([false, undefined]);
  });
});
