// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import type { Alert, RigDetail } from "../../live/live.svelte";
import { proposed } from "./deeds";
import { MEANT } from "./doer.svelte";
import { markOf } from "./events";
import { restOf, sharesOf } from "./figures";
import { type Miner, momentOf, tailOf } from "./watched.svelte";

const miner = (more: Partial<Miner> = {}): Miner => ({ name: "xmrig-1", type: "xmrig", state: "mining", algorithm: "rx/0", hashrate: 1000, ...more });
const detail = (miners: Miner[], cpu: number | null = null): RigDetail => ({
  nodeId: "a", nodeName: "a", connected: true, ageS: 0, error: "", errorCode: "", uptime: 1, version: "1", pingMs: 1,
  miners, machine: { cpuTemperatureC: cpu }, problems: [], schedule: "", locked: false,
});

describe("what comes live", () => {
  it("is added up by algorithm, never across, of miners that hash", () => {
    const moment = momentOf(detail([miner(), miner({ name: "b", hashrate: 500 }), miner({ name: "c", algorithm: "kawpow", hashrate: 7 }), miner({ name: "d", state: "paused", hashrate: 9 })]), 5);
    expect(moment.hashrate).toEqual({ "rx/0": 1500, kawpow: 7 });
  });

  it("has the hottest device of each miner, and its power, where they are known", () => {
    const devices = [{ index: 0, temperatureC: 60, powerW: 100 }, { index: 1, temperatureC: 71, powerW: 120 }, { index: 2 }];
    const moment = momentOf(detail([miner({ devices }), miner({ name: "b" })], 55), 5);
    expect([moment.temperature, moment.power]).toEqual([{ cpu: 55, "xmrig-1": 71 }, { "xmrig-1": 220 }]);
    expect(tailOf([moment], "temperature")).toEqual([{ atMs: 5, values: { cpu: 55, "xmrig-1": 71 } }]);
    expect(tailOf([moment], "shares")).toEqual([]); // the history alone counts them
  });
});

describe("a miner's figures", () => {
  const of = (name: string, miner_: Miner) => [...sharesOf(miner_), ...restOf(miner_)].find((figure) => figure.name === name);

  it("say when many shares are rejected", () => {
    expect(of("Rejected rate", miner({ shares: 90, rejected: 10 }))).toMatchObject({ text: "10 %", kind: "bad" });
    expect(of("Rejected rate", miner({ shares: 1000, rejected: 5 }))).toMatchObject({ text: "0.5 %", kind: "" });
    expect(of("Rejected rate", miner())).toMatchObject({ text: "0 %", kind: "" });
  });

  it("say what could be better", () => {
    expect(of("Huge pages", miner({ hugePages: { got: 3, wanted: 4 } }))).toMatchObject({ text: "3 of 4", kind: "few" });
    expect(of("MSR mod", miner({ msr: true }))?.kind).toBe("");
    expect(of("MSR mod", miner())).toBeUndefined();
    expect(of("Efficiency", miner({ devices: [{ index: 0, powerW: 100 }] }))?.text).toBe("10.0 H/J");
  });
});

it("offers what means something in a miner's state", () => {
  const verbs = (state: Miner["state"], more: Partial<Miner> = {}) => Object.entries(MEANT).filter(([, meant]) => meant(miner({ state, ...more }))).map(([verb]) => verb);
  expect(verbs("mining")).toEqual(["stop", "restart", "pause"]);
  expect(verbs("paused")).toEqual(["stop", "restart", "resume"]);
  expect(verbs("crashed")).toEqual(["stop", "restart"]);
  expect(verbs("stopping")).toEqual([]);
  expect(verbs("stopped", { profileId: "x" })).toEqual(["restart", "startAgain"]);
});

it("does what an alert proposes only where it knows it", () => {
  const alert = (action: Partial<NonNullable<Alert["action"]>>): Alert => ({
    id: "x", kind: "crashed", severity: "critical", text: "", sinceMs: 0, rig: "a1", rigName: "r", miner: "m", suggestion: "", times: 1, easing: false,
    action: { label: "l", ...action },
  });
  expect(proposed(alert({ method: "POST", path: "/remote/a1/restart", body: { minerName: "m" } }))).toBeTypeOf("function");
  expect(proposed(alert({ method: "POST", path: "/peers/a1/connect" }))).toBeTypeOf("function");
  expect(proposed(alert({ method: "DELETE", path: "/peers/a1" }))).toBeUndefined();
  expect(proposed(alert({ method: "POST", path: "/shutdown" }))).toBeUndefined();
  expect(proposed({ ...alert({}), action: null })).toBeUndefined();
});

it("names events by what they are where they say nothing", () => {
  expect(markOf({ atMs: 1, kind: "crashed", miner: "m", text: "", by: "" })).toEqual({ atMs: 1, text: "m: crashed", by: "", bad: true });
  expect(markOf({ atMs: 1, kind: "new_kind", text: "Something." })).toMatchObject({ text: "new kind: Something.", bad: false });
});
