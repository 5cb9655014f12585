// @vitest-environment happy-dom
import { type Component, flushSync, mount, tick, unmount } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Alert, live, type RigDetail } from "../../live/live.svelte";
import Cards from "./Cards.svelte";
import Devices from "./Devices.svelte";
import { markOf, wordsOf } from "./events";
import MinerCard from "./MinerCard.svelte";
import Now from "./Now.svelte";
import Plan from "./Plan.svelte";
import Problems from "./Problems.svelte";
import Programs from "./Programs.svelte";
import { type Miner, Watched, momentOf } from "./watched.svelte";

const miner = (more: Partial<Miner> = {}): Miner => ({ name: "xmrig-1", type: "xmrig", state: "mining", algorithm: "rx/0", hashrate: 1000, ...more });
const detail = (more: Partial<RigDetail> = {}): RigDetail => ({
  nodeId: "a", nodeName: "a", connected: true, ageS: 0, error: "", errorCode: "", uptime: 1, version: "1", pingMs: 1,
  miners: [], machine: null, problems: [], schedule: "", locked: false, ...more,
});

let shown: Record<string, unknown> | undefined;
function show<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): string {
  shown = mount(component, { target: document.body, props });
  flushSync();
  return document.body.textContent ?? "";
}
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = undefined;
  vi.restoreAllMocks();
});

describe("a rig that calls two things alike still has its page", () => {
  it("devices of a miner", () => expect(show(Devices, { devices: [{ index: 0, name: "one" }, { index: 0, name: "two" }] })).toMatch(/one.*two/s));

  it("graphics cards", () => expect(show(Cards, { gpus: [{ index: 3, name: "one" }, { index: 3, name: "two" }], asked: true })).toMatch(/one.*two/s));

  it("problems", () => expect(show(Problems, { alerts: [], detail: detail({ problems: ["The disk is full.", "The disk is full."] }) })).toContain("The disk is full."));

  it("programs", () => {
    const program = { type: "xmrig", installed: true, version: "6.22" };
    expect(show(Programs, { programs: [program, program, { ...program, installed: false }], detail: detail(), changed: () => undefined })).toContain("6.22");
  });

  it("profiles it keeps", async () => {
    const kept = { id: "p1", name: "main", hash: "h" };
    const answer = () => new Response(JSON.stringify({ version: "1", profiles: [kept, kept] }), { headers: { "content-type": "application/json" } });
    vi.stubGlobal("fetch", (request: Request) => (request.url.endsWith("/info") ? Promise.resolve(answer()) : new Promise(() => undefined)));
    show(Plan, { detail: detail(), nodeId: "a" });
    await vi.waitFor(() => (flushSync(), expect(document.querySelectorAll("a[href='/profiles/p1']")).toHaveLength(1)));
    vi.unstubAllGlobals();
  });

  it("miners", () => {
    let heard: (rig: RigDetail | null) => void = () => undefined;
    vi.spyOn(live, "followRig").mockImplementation((_, hear) => ((heard = hear), () => undefined));
    const watched = new Watched("a");
    watched.follow();
    heard(detail({ miners: [miner(), miner({ hashrate: 7 }), miner({ name: "b" })] }));
    expect(watched.detail?.miners.map((each) => [each.name, each.hashrate])).toEqual([["xmrig-1", 1000], ["b", 1000]]);
    heard(null);
    expect(watched.detail).toBeNull();
  });
});

it("a rig that has sixty miners has a page of a few, and the others when they are asked for", () => {
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  const miners = Array.from({ length: 60 }, (_, at) => miner({ name: `xmrig-${at}`, threads: [1, 2] }));
  const there = detail({ miners });
  show(Now, { watched: new Watched("a"), detail: there, nodeId: "a" });
  expect(document.querySelectorAll("article").length).toBe(12);
  const more = [...document.querySelectorAll("button")].find((each) => each.textContent?.includes("48 more miners"));
  more?.click();
  flushSync();
  expect(document.querySelectorAll("article").length).toBe(60);
  vi.unstubAllGlobals();
});

it("a rig with much that is wrong shows the worst of it first, and all of it when asked", () => {
  const alert = (at: number, severity: Alert["severity"]): Alert => ({
    id: `${at}`, kind: "slow", severity, text: `number ${at}`, sinceMs: at, rig: "a", rigName: "a", miner: "", suggestion: "", action: null, easing: false, times: 1,
  });
  const alerts = [...Array.from({ length: 16 }, (_, at) => alert(at, "notice")), alert(99, "critical")];
  show(Problems, { alerts, detail: detail({ problems: ["The disk is full."] }) });
  const shownOnes = () => [...document.querySelectorAll("li")].map((each) => each.textContent ?? "");
  expect(shownOnes()).toHaveLength(4);
  expect(shownOnes()[0]).toContain("number 99");
  document.querySelector("button")?.click();
  flushSync();
  expect(shownOnes()).toHaveLength(18);
  expect(document.querySelector("button")).toBeNull();
});

describe("a rig that uses names of JavaScript's own", () => {
  it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])("%s is an algorithm and a miner like others", (name) => {
    const devices = [{ index: 0, temperatureC: 61, powerW: 90 }];
    const moment = momentOf(detail({ miners: [miner({ name, algorithm: name, devices }), miner({ name: "b", algorithm: name, hashrate: 5 })] }), 1);
    expect(Object.entries(moment.hashrate)).toEqual([[name, 1005]]);
    expect(Object.entries(moment.temperature)).toEqual([[name, 61]]);
    expect(Object.entries(moment.power)).toEqual([[name, 90]]);
  });

  it.each(["constructor", "__proto__", "toString"])("%s is a kind of event like one that is not known", (kind) => {
    expect(markOf({ atMs: 1, kind, miner: "m" }).text.toLowerCase()).toContain(kind.replaceAll("_", " ").toLowerCase());
    expect(wordsOf({ atMs: 1, kind })).toBe(kind.replaceAll("_", " "));
  });
});

it("times that there are not cost a rig its words, not its page", () => {
  const watch = { restarts: 1, lastReason: "hung", lastAtMs: 9.2e18, nextTryAtMs: 9.2e18, lastShareAtMs: -9.2e18, shareExpectedEveryS: 1.7e308 };
  expect(show(MinerCard, { miner: miner({ resumeAtMs: 9.2e18, uptime: 2 ** 53, watch }), detail: detail(), old: false })).toContain("no time that there is");
});

describe("a miner of a rig that is not heard", () => {
  it("is not shown as mining, but as what it was", () => {
    const words = show(MinerCard, { miner: miner(), detail: detail({ connected: false }), old: true });
    expect(words).toContain("Unknown");
    expect(words).not.toMatch(/^\s*Mining/);
    expect(document.querySelector(".mark.mining")).toBeNull();
  });
  it("is shown as mining while it is heard", () => {
    show(MinerCard, { miner: miner(), detail: detail(), old: false });
    expect(document.querySelector(".mark.mining")).not.toBeNull();
  });
});

describe("what is wrong with a rig", () => {
  it.each([0, 2, 6])("with %i alerts: once all of it is shown, the focus is on the first that was not", async (alerts) => {
    const alert = (at: number) => ({ id: `a${at}`, kind: "hot", severity: "warning", text: `alert ${at}`, sinceMs: at, rig: "a", rigName: "a", miner: "", suggestion: "", action: null, times: 1, easing: false }) as Alert;
    show(Problems, { alerts: Array.from({ length: alerts }, (_, at) => alert(at)), detail: detail({ error: "It does not answer.", problems: Array.from({ length: 9 }, (_, at) => `problem ${at}`) }) });
    const before = document.querySelectorAll("li").length;
    const button = [...document.querySelectorAll("button")].find((each) => each.textContent.includes("more of what is wrong"));
    button?.focus();
    button?.click();
    await tick();
    await tick();
    expect(document.activeElement === document.querySelectorAll("li")[before]).toBe(true);
  });
});
