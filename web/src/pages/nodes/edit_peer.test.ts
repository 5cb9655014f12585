// @vitest-environment happy-dom
import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import EditPeer from "./EditPeer.svelte";
import type { Peer } from "./peers.svelte";

const PEER: Peer = {
  id: "c".repeat(16), name: "rig-a", publicKey: "", signingKey: "", fingerprint: "", words: "one two", address: "10.0.0.7", dialAddress: "", role: "worker",
  addedAt: "", lastSeen: null, pingMs: null, pingSmoothedMs: null, score: 50, connected: true, state: "connected", grants: ["observe"], verified: true,
  tags: ["cellar"], lastFailure: null,
};

/** A node that has one peer, and knows no edit but of the tag that holds. */
class Node {
  peer = PEER;
  etag = '"1"';
  readonly edits: { tag: string | null; body: unknown }[] = [];

  answer = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const headers = { "content-type": "application/json", etag: this.etag };
    if (request.method === "GET") return new Response(JSON.stringify(this.peer), { headers });
    const tag = request.headers.get("If-Match");
    this.edits.push({ tag, body: await request.json() });
    if (tag === this.etag) return new Response(JSON.stringify(this.peer), { headers });
    return new Response(JSON.stringify({ error: "Changed.", code: "PRECONDITION_FAILED" }), { status: 412, headers });
  };
}

describe("the form of a peer", () => {
  let node: Node;
  let form: Record<string, unknown>;
  const closed = vi.fn();
  beforeEach(async () => {
    node = new Node();
    closed.mockReset();
    vi.stubGlobal("fetch", node.answer);
    form = mount(EditPeer, { target: document.body, props: { id: PEER.id, name: PEER.name, onclose: closed, onsaved: () => undefined } });
    await vi.waitFor(() => expect(input("Tags")).toBeTruthy());
  });
  afterEach(async () => {
    await unmount(form);
    vi.unstubAllGlobals();
  });
  const input = (label: string): HTMLInputElement => {
    const of = [...document.querySelectorAll("label")].find((each) => each.textContent?.trim() === label);
    return document.getElementById(of?.htmlFor ?? "") as HTMLInputElement;
  };
  const alert = () => document.querySelector('[role="alert"]')?.textContent ?? "";
  async function save(tags: string): Promise<void> {
    input("Tags").value = tags;
    input("Tags").dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
    document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await tick();
  }

  it("has no address for a peer that dials this node, wherever that comes from, and sends what was changed alone", async () => {
    expect(input("Address").value).toBe("");
    await save("cellar, gpu");
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
    expect(node.edits).toEqual([{ tag: '"1"', body: { tags: ["cellar", "gpu"] } }]);
  });

  it("saves over nobody: the edit of somebody else is told, and nothing is sent until it is saved again", async () => {
    node.peer = { ...PEER, name: "rig-z" };
    node.etag = '"2"';
    await save("gpu");
    await vi.waitFor(() => expect(alert()).toContain("rig-z"));
    expect(node.edits).toHaveLength(1);
    await save("gpu");
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
    expect(node.edits[1]).toEqual({ tag: '"2"', body: { tags: ["gpu"] } });
  });

  it("tells of an edit that was taken back, too, and sends nothing by itself", async () => {
    node.etag = '"2"';
    await save("gpu");
    await vi.waitFor(() => expect(alert()).toContain("Somebody else has changed this peer"));
    expect(node.edits).toHaveLength(1);
  });
});
