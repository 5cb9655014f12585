// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { live } from "../../live/live.svelte";
import { type NodeRow, Peers } from "./peers.svelte";

const RIGS = 1200;
const rig = (at: number) => ({ id: `rig-${at}`, name: `rig-${at}` });
const peer = (at: number) => ({ id: at < 0 ? `desk-${-at}` : `rig-${at}`, name: "x", role: at < 0 ? "controller" : "worker", publicKey: `key${at}`, connected: true, tags: [] });
/** As the node lists them: controllers first. */
const LISTED = Array.from({ length: RIGS + 2 }, (_, at) => peer(at - 2));

let hear: Hear = () => {};
let asked: string[];
let end: () => void = () => {};
const told = async (part: number, more: boolean, rows: object[]): Promise<void> => {
  hear({ type: "snapshot", topic: "fleet", part, more, rows, seq: part } as unknown as Parameters<Hear>[0]);
  await new Promise((done) => setTimeout(done, 50));
};

beforeEach(() => {
  asked = [];
  live.fleet.follow({ follow: (_: string, heard: Hear) => ((hear = heard), () => {}) } as unknown as Feed);
  vi.stubGlobal("fetch", async (request: Request) => {
    const query = new URL(request.url).searchParams;
    asked.push(query.toString());
    await new Promise((done) => setTimeout(done, 200));
    const [offset, limit] = [Number(query.get("offset")), Number(query.get("limit"))];
    return new Response(JSON.stringify(LISTED.slice(offset, offset + limit)), { headers: { "content-type": "application/json", "X-Total-Count": String(LISTED.length) } });
  });
});
afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

describe("peers of a large fleet", () => {
  it("are asked for when the rigs are known, and no further than to the last that is none", async () => {
    const peers = new Peers();
    end = peers.start();
    await told(0, true, [rig(0)]);
    expect(asked, "not before").toEqual([]);
    await told(1, false, Array.from({ length: RIGS }, (_, at) => rig(at)));
    const members = peers.members; // the list is asked for, and its answer is on its way
    await vi.waitFor(() => expect(peers.rows.size).toBe(RIGS + 2));
    expect(peers.members, "a table sees that they came").not.toBe(members);
    expect(asked).toEqual(["limit=500&offset=0&sort=role"]);
    expect([peers.rows.get("desk-2")?.name, peers.rows.get("rig-7")?.name]).toEqual(["x", "rig-7"]);
    expect((await peers.keys()).size, "their keys are those of all").toBe(RIGS + 2);
    expect(asked).toHaveLength(4);
  });

  it("were last seen when they reported, or since when they are offline, or never", () => {
    const peers = new Peers();
    const row = (change: Partial<NodeRow>) => peers.lastSeen({ state: "offline", seenAtMs: null, sinceMs: null, ...change } as NodeRow);
    expect([row({ seenAtMs: 5, sinceMs: 7 }), row({ sinceMs: 7 }), row({}), row({ state: "idle", sinceMs: 7 })]).toEqual([5, 7, null, null]);
  });
});
