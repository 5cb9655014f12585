// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { live } from "../../live/live.svelte";
import { router } from "../../router.svelte";
import AllowList from "./AllowList.svelte";
import Invites from "./Invites.svelte";
import { Peers } from "./peers.svelte";
import Pending from "./Pending.svelte";

let hear: Hear = () => {};
const fake = { follow: (_: string, heard: Hear) => ((hear = heard), () => {}) } as unknown as Feed;
let seq = 0;
async function told(topic: string, changed: object[], removed: string[] = []): Promise<void> {
  seq += 1;
  const message = seq === 1 ? { type: "snapshot", part: 0, more: false, rows: changed } : { type: "delta", changed, removed };
  hear({ ...message, topic, seq } as Parameters<Hear>[0]);
  await new Promise((done) => setTimeout(done, 50));
  flushSync();
}
const many = <T>(n: number, make: (at: number) => T): T[] => Array.from({ length: n }, (_, at) => make(at));
const field = () => document.querySelector<HTMLInputElement>("input[type=search]");
const items = () => [...document.querySelectorAll("li")].map((item) => item.textContent ?? "");
function type(words: string): void {
  const at = field() as HTMLInputElement;
  at.value = words;
  at.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

let component: object | undefined;
afterEach(async () => {
  if (component) await unmount(component);
  component = undefined;
  seq = 0;
  router.set({ invites: null, pending: null });
});

describe("open join tokens", () => {
  const invite = (at: number) => ({
    id: `${String(at).padStart(4, "0")}abcd-rest`, status: "open", for: at % 3 ? "rig" : "controller", uses: 2, used: at % 2,
    createdAt: new Date(at * 1000).toISOString(), expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  });

  it("are found among all of them, not among those that are shown", async () => {
    live.invites.follow(fake);
    component = mount(Invites, { target: document.body });
    await told("invites", many(8, invite));
    expect([items().length, field()]).toEqual([8, null]);
    await told("invites", many(30, invite));
    expect([items().length, field()?.getAttribute("aria-label")]).toEqual([20, "Filter open join tokens"]);
    expect(document.body.textContent).toContain("10 more tokens: filter to see them");
    type("0000abcd");
    expect(items()).toHaveLength(1);
    type("Controller for");
    expect([items().length, document.querySelector("[role=status]")?.textContent]).toEqual([10, "10 of 30"]);
    await told("invites", [], ["0003abcd-rest"]);
    expect([items().length, field()?.value]).toEqual([9, "Controller for"]);
    type("nothing");
    expect(document.body.textContent).toContain("Nothing matches “nothing”");
  });
});

describe("who waits for approval", () => {
  const node = (at: number) => ({
    id: `node-${at}`, name: at === 3 ? "<img src=x>" : `rig-${at}`, fingerprint: `f${at}`, words: `river table moon ${at}`, address: `10.0.0.${at}:9091`, since: new Date(at * 1000).toISOString(), expiresAt: "",
  });

  it("is found by name, words and address, while others come and go", async () => {
    live.pending.follow(fake);
    component = mount(Pending, { target: document.body, props: { own: undefined, onapproved: () => undefined } });
    await told("pending", many(8, node));
    expect([items().length, field()]).toEqual([8, null]);
    await told("pending", many(12, node));
    expect(field()?.getAttribute("aria-label")).toBe("Filter those who wait");
    type("MOON 10.0.0.3:");
    expect([items().length, document.querySelector("img")]).toEqual([1, null]);
    expect(items()[0]).toContain("<img src=x>");
    await told("pending", [], ["node-3"]);
    expect([items().length, document.body.textContent?.includes("Nothing matches")]).toEqual([0, true]);
    expect(document.body.textContent, "how many wait is said all the same").toContain("11 nodes");
  });
});

describe("keys let in ahead", () => {
  it("are narrowed by typing", async () => {
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ publicKeys: ["key-of-a-peer", ...many(9, (at) => `key-${at}`)] }), { headers: { "content-type": "application/json" } }));
    component = mount(AllowList, { target: document.body, props: { peers: { keys: async () => new Set(["key-of-a-peer"]) } as unknown as Peers } });
    flushSync();
    const details = document.querySelector("details") as HTMLDetailsElement;
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    await vi.waitFor(() => (flushSync(), expect(items()).toHaveLength(9)));
    expect(field()?.getAttribute("aria-label")).toBe("Filter keys let in ahead");
    type("KEY-7");
    expect(items()).toHaveLength(1);
    type("none of them");
    expect([items(), document.body.textContent.includes("Nothing matches “none of them”"), document.body.textContent.includes("None.")]).toEqual([[], true, false]);
    router.set({ allowed: null });
    vi.unstubAllGlobals();
  });
});
