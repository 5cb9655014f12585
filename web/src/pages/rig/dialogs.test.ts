// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { type RigDetail, live } from "../../live/live.svelte";
import { undone } from "../../texts";
import DeployDialog from "./DeployDialog.svelte";
import { Doer } from "./doer.svelte";
import Machine from "./Machine.svelte";
import PauseDialog from "./PauseDialog.svelte";
import StartDialog from "./StartDialog.svelte";

const RIG = "0123456789abcdef";
const detail = { nodeId: RIG, nodeName: "rig-alpha", connected: true, miners: [], machine: null } as unknown as RigDetail;
const doer = new Doer(RIG, () => "rig-alpha");
const onclose = () => undefined;
let shown: object;
let asked: string[];
let reached: string[];
beforeEach(() => {
  [asked, reached] = [[], []];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname, searchParams } = new URL(request.url);
    const path = pathname.replace("/api/v1/mining", "");
    asked.push(path);
    const found = reached.includes(path.split("/")[2] ?? "") ? [{ id: searchParams.get("q"), name: "rig-alpha", state: "done" }] : [];
    return new Response(JSON.stringify(path.endsWith("/info") ? { version: "1", miners: [] } : found), { headers: { "content-type": "application/json" } });
  });
});
afterEach(async () => {
  await unmount(shown);
  vi.unstubAllGlobals();
});

it.each([
  ["start", () => mount(StartDialog, { target: document.body, props: { doer, detail, name: "rig-alpha", onclose } }), undone.start],
  ["deploy", () => mount(DeployDialog, { target: document.body, props: { doer, name: "rig-alpha", onclose } }), undone.deploy],
  ["pause", () => mount(PauseDialog, { target: document.body, props: { doer, miner: null, what: "xmrig-1", name: "rig-alpha", onclose } }), undone.pause],
])("the dialog before %s says whether that can be undone", (_, open, words) => {
  shown = open();
  flushSync();
  expect(document.body.textContent).toContain(words);
});

it("a machine is looked at again when a deploy that was for it has ended, and for no other", async () => {
  let hear: Hear = () => undefined;
  const job = (id: string, finishedAt: string | null = "2026-01-01T00:00:00Z") => ({ id, action: "deploy", state: "done", finishedAt });
  const told = (message: object): void => {
    hear({ topic: "jobs", ...message } as unknown as Parameters<Hear>[0]);
    flushSync();
  };
  const looks = () => asked.filter((path) => path.endsWith("/info")).length;
  live.jobs.follow({ follow: (_: string, heard: Hear) => ((hear = heard), () => undefined) } as unknown as Feed);
  shown = mount(Machine, { target: document.body, props: { detail, nodeId: RIG } });
  told({ type: "snapshot", part: 0, more: false, rows: [job("old"), job("runs", null)], seq: 1 });
  await vi.waitFor(() => expect(looks()).toBe(1));
  told({ type: "delta", changed: [job("other")], removed: [], seq: 2 });
  await vi.waitFor(() => expect(asked).toContain("/jobs/other/peers"));
  await new Promise((done) => setTimeout(done, 50));
  expect(looks()).toBe(1);
  reached = ["runs"];
  told({ type: "delta", changed: [job("runs")], removed: [], seq: 3 });
  await vi.waitFor(() => expect(looks()).toBe(2));
  expect(asked).not.toContain("/jobs/old/peers");
});
