// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import type { Alert, Rig } from "../../live/live.svelte";
import { bulkOf } from "./bulk";
import { deedOf, linkOf } from "./deeds";
import { nextInTrouble } from "./words";

function alert(rig: string, more: Partial<Alert> = {}): Alert {
  return {
    id: `${rig}-x`, kind: "crashed", severity: "critical", text: "", sinceMs: 0, rig, rigName: `rig-${rig}`, miner: "xmrig-1",
    suggestion: "", action: { label: "Restart", method: "POST", path: `/remote/${rig}/restart`, body: { minerName: "xmrig-1" }, command: "" },
    times: 1, easing: false, ...more,
  };
}
const get = (path: string) => ({ label: "", method: "GET", path, body: {}, command: "" });
const post = (path: string, body: Record<string, string> = {}) => ({ label: "", method: "POST", path, body, command: "" });

describe("what helps", () => {
  it("is a request that this page knows, for the rig that has the trouble", () => {
    expect(deedOf(alert("a"))).toMatchObject({ label: "Restart", role: "operator" });
    expect(deedOf(alert("a", { action: post("/peers/a/connect") }))).toMatchObject({ label: "Connect now", role: "operator" });
    expect(deedOf(alert("a", { action: post("/remote/a/deploy", { profileId: "p" }) }))?.label).toBe("Deploy");
    expect(deedOf(alert("a", { action: get("/remote/a/stats") }))).toMatchObject({ label: "Look again", role: "viewer" });
  });

  it("is nothing that this page does not know, and nothing for another rig", () => {
    for (const action of [post("/remote/b/restart"), post("/remote/a/stop"), post("/node/init"), post("/remote/a/restart/../stop"), null])
      expect(deedOf(alert("a", { action }))).toBeUndefined();
    expect(deedOf(alert("a", { miner: "" }))).toBeUndefined();
  });

  it("is a look where words have to be compared first, and a log where one sees more", () => {
    const waits = alert("", { kind: "pairing", action: post("/peers/pending/abc/approve") });
    expect([deedOf(waits), linkOf(waits)?.href]).toEqual([undefined, "/nodes"]);
    expect(linkOf(alert("a", { action: get("/remote/a/logs/x/y?<") }))?.href).toBe("/rigs/a?tab=console&log=x%2Fy%3F%3C");
  });
});

describe("one deed for many", () => {
  it("says to how many, and leaves out what looks well again", () => {
    const bulk = bulkOf([alert("a"), alert("a", { id: "2", miner: "gpu-1" }), alert("b"), alert("c", { easing: true })]);
    expect(bulk?.label).toBe("Restart 3 miners on 2 rigs");
    expect(bulk?.list).toEqual(["rig-a: xmrig-1", "rig-a: gpu-1", "rig-b: xmrig-1"]);
  });

  it("is not offered for one rig, nor where each rig calls its miner by another name", () => {
    expect(bulkOf([alert("a"), alert("a", { id: "2", miner: "gpu-1" })])).toBeUndefined();
    expect(bulkOf(Array.from({ length: 9 }, (_, at) => alert(`r${at}`, { miner: `m${at}` })))).toBeUndefined();
    expect(bulkOf(Array.from({ length: 8 }, (_, at) => alert(`r${at}`, { miner: `m${at}` })))?.label).toBe("Restart 8 miners on 8 rigs");
  });

  it("dials no more rigs one by one than a hundred", () => {
    const away = (n: number) => Array.from({ length: n }, (_, at) => alert(`r${at}`, { kind: "offline", miner: "", action: post(`/peers/r${at}/connect`) }));
    expect(bulkOf(away(37))?.label).toBe("Connect to 37 rigs now");
    expect(bulkOf(away(101))).toBeUndefined();
  });
});

describe("the next in trouble", () => {
  const rows = new Map(["mining", "offline", "trouble", "mining", "trouble"].map((state, at) => [`r${at}`, { id: `r${at}`, state } as Rig]));
  const ids = [...rows.keys()];

  it("goes round, trouble before offline", () => {
    expect(nextInTrouble(ids, rows, undefined)).toBe("r2");
    expect(nextInTrouble(ids, rows, "r2")).toBe("r4");
    expect(nextInTrouble(ids, rows, "r4")).toBe("r2");
    expect(nextInTrouble(ids.slice(0, 2), rows, undefined)).toBe("r1");
    expect(nextInTrouble(["r0"], rows, "r0")).toBeUndefined();
    expect(nextInTrouble([], rows, undefined)).toBeUndefined();
  });
});
