// @vitest-environment happy-dom
import { mount, unmount } from "svelte";
import { describe, expect, it, vi } from "vitest";
import { questions } from "../../parts/confirm.svelte";
import { undone } from "../../texts";
import { aimOf, retagged, tagsOf, textOf, titleOf, undoOf } from "./bulk";
import ChooseProfile from "./ChooseProfile.svelte";
import { Deeds } from "./deeds.svelte";
import { filtersOf, filterCount, letThrough } from "./filters";
import { type NodeRow, type Peers, rowOf } from "./peers.svelte";
import { removePeers } from "./removal";

type Peer = NonNullable<NodeRow["peer"]>;
const PEER: Peer = {
  id: "c".repeat(16), name: "laptop", publicKey: "", signingKey: "", fingerprint: "", words: "", address: "10.0.0.9:9091", dialAddress: "10.0.0.9:9091", role: "controller", addedAt: "",
  lastSeen: null, pingMs: null, pingSmoothedMs: null, score: 50, connected: false, state: "pending", grants: ["observe"], verified: false, tags: [], lastFailure: null,
};
function rig(id: string, more: Partial<NodeRow> = {}): NodeRow {
  const { peer: _, ...row } = rowOf({ ...PEER, id, name: id, role: "worker", connected: true });
  return { ...row, state: "mining", miners: 2, mining: 1, hashrate: { "rx/0": 1000 }, ...more };
}

describe("a command to many", () => {
  const rows = [rig("a"), rig("b", { state: "paused", mining: 0 }), rig("c", { state: "offline", connected: false, miners: 0, mining: 0 }), rowOf(PEER)];

  it("says how many miners on how many rigs, who is offline, and who is left out", () => {
    const stop = aimOf("stop", rows);
    expect(titleOf("stop", stop)).toBe("Stop 4 miners on 3 rigs");
    expect(textOf("stop", stop)).toContain("1 rig of them is offline");
    expect(textOf("stop", stop)).toContain("1 other selected is left out");
    expect(titleOf("pause", aimOf("pause", rows))).toBe("Pause 1 miner on 3 rigs");
    expect(titleOf("start", aimOf("start", [rig("a")]))).toBe("Start on 1 rig");
  });

  it.each([
    ["stop", "Stop 4 miners on 3 rigs", "This cannot be undone"],
    ["restart", "Restart 4 miners on 3 rigs", "This cannot be undone"],
    ["pause", "Pause 1 miner on 3 rigs", "This can be undone"],
    ["resume", "Resume on 3 rigs", "This can be undone"],
  ] as const)("asks before %s with the miners and rigs that the node names, and whether it can be undone", async (verb, title, undo) => {
    const rigs = rows.filter((row) => !row.peer);
    const job = { id: "j", action: verb, dryRun: true, peers: rigs.map(({ id, name }) => ({ id, name })) };
    const asked: unknown[] = [];
    vi.stubGlobal("fetch", async (request: Request) => {
      asked.push(await request.json());
      return new Response(JSON.stringify(job), { headers: { "content-type": "application/json" } });
    });
    const deeds = new Deeds({ rows: new Map(rows.map((row) => [row.id, row])) } as unknown as Peers);
    void deeds.command(verb, rows.map((row) => row.id));
    await vi.waitFor(() => expect(questions.current).toBeTruthy());
    const question = questions.current?.question;
    expect([question?.title, question?.action, question?.list]).toEqual([title, title, ["a", "b", "c"]]);
    expect(question?.undo).toContain(undo);
    questions.current?.answer(false);
    expect(asked).toEqual([{ peers: ["a", "b", "c"], dryRun: true }]);
    vi.unstubAllGlobals();
  });

  it.each(["start", "deploy"] as const)("says where a profile is chosen for %s whether that can be undone", async (verb) => {
    const profiles = [{ id: "p", name: "p", minerType: "xmrig", config: {}, hash: "" }];
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(profiles), { headers: { "content-type": "application/json" } }));
    const dialog = mount(ChooseProfile, { target: document.body, props: { verb, aim: aimOf(verb, rows), onchoose: () => undefined, onclose: () => undefined } });
    await vi.waitFor(() => expect(document.body.textContent).toContain(undone[verb]));
    expect(document.body.textContent).toMatch(/on 3 rigs|to 3 rigs/);
    await unmount(dialog);
    vi.unstubAllGlobals();
  });

  it("takes back a pause for those that were not paused before, and nothing else", () => {
    expect(undoOf("pause", aimOf("pause", rows))).toEqual({ verb: "resume", peers: ["a", "c"] });
    expect(undoOf("resume", aimOf("resume", rows))).toEqual({ verb: "pause", peers: ["b"] });
    for (const verb of ["start", "stop", "restart", "deploy"] as const) expect(undoOf(verb, aimOf(verb, rows))).toBeUndefined();
  });

  it("changes tags without losing others", () => {
    expect(tagsOf(" cellar, gpu ,,cellar")).toEqual(["cellar", "gpu"]);
    expect(retagged(["attic", "old"], ["gpu", "attic"], ["old"])).toEqual(["attic", "gpu"]);
  });

  it("says what a removal ends, that miners go on, and that it cannot be undone", () => {
    const question = removePeers.question(rows);
    expect(question.title).toBe("Remove 4 peers");
    expect(question.text).toMatch(/forgets their keys.*1 miner there goes on mining/);
    expect(question.undo).toBe("This cannot be undone.");
    expect(question.list).toHaveLength(4);
    expect(removePeers.question([rig("a")]).title).toBe("Remove a");
  });
});

describe("a peer that is no rig", () => {
  it("is a row: offline or idle, never seen is null, with why it is not there", () => {
    const row = rowOf({ ...PEER, lastFailure: { reason: "No route.", at: "2026-11-25T22:00:00Z" } });
    expect([row.state, row.seenAtMs, row.problem, row.peer?.state]).toEqual(["offline", null, "No route.", "pending"]);
    expect(rowOf({ ...PEER, connected: true }).state).toBe("idle");
  });
});

describe("filters in the address", () => {
  const filters = (query: string) => filtersOf(new URLSearchParams(query));
  const rows = [rig("a", { tags: ["cellar"] }), rig("b", { state: "trouble" }), rowOf(PEER)];
  const names = (query: string) => rows.filter(letThrough(filters(query)) ?? (() => true)).map((row) => row.name);

  it("let through what all of them are true of", () => {
    expect(names("")).toHaveLength(3);
    expect(names("state=trouble")).toEqual(["b"]);
    expect(names("tag=cellar&algorithm=rx/0")).toEqual(["a"]);
    expect(names("role=controller")).toEqual(["laptop"]);
    expect(names("tag=cellar&state=trouble")).toEqual([]);
    expect(names("algorithm=toString")).toEqual([]);
    expect(filterCount(filters("tag=x&role=dual&other=1"))).toBe(2);
  });
});
