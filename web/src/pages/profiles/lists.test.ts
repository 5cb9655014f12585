// @vitest-environment happy-dom
import { type Component, flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { router } from "../../router.svelte";
import Uses from "./Uses.svelte";
import Versions from "./Versions.svelte";

const use = (n: number) => ({ rig: `id-${n}`, rigName: `rig-${n}`, miner: "xmrig-1", version: n % 2 ? "same" : "older", connected: true, state: "mining", hashrate: 1, ageS: 0, scheduled: false });
const version = (n: number) => ({ hash: `${n}f`.repeat(16), at: n ? "2026-01-01T00:00:00Z" : null, current: n === 0, config: { pool: `pool-${n}.example:3333`, ...(n === 5 ? { wallet: "48special" } : {}) } });

let answers: Record<string, unknown>;
let totals: Record<string, string>;
let shown: Record<string, unknown> | undefined;
beforeEach(() => {
  answers = totals = {};
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname.replace("/api/v1/mining/profiles/p1/", "");
    return new Response(JSON.stringify(answers[path]), { headers: { "content-type": "application/json", ...totals } });
  });
});
afterEach(async () => {
  if (shown) await unmount(shown);
  shown = undefined;
  router.set({ uses: null, versions: null });
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const items = () => [...document.querySelectorAll("body > * > li")].map((item) => item.textContent ?? "");
const field = () => document.querySelector<HTMLInputElement>("input[type=search]");
const listed = (n: number) => vi.waitFor(() => (flushSync(), expect(items()).toHaveLength(n)));
function show<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): void {
  shown = mount(component, { target: document.body, props });
  flushSync();
}
function type(words: string): void {
  const at = field() as HTMLInputElement;
  at.value = words;
  at.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

describe("where a profile runs", () => {
  it("does not take the first that it asked for for all", async () => {
    answers["uses"] = Array.from({ length: 30 }, (_, at) => use(at));
    totals = { "X-Total-Count": "2345" };
    show(Uses, { id: "p1" });
    await listed(30);
    expect([document.body.textContent?.includes("The first 30 of 2,345 miners"), document.body.textContent?.includes("On 30 rigs")]).toEqual([true, false]);
  });

  it("is narrowed by rig and by what is said of it, and stays so when it is asked again", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    answers["uses"] = Array.from({ length: 8 }, (_, at) => use(at));
    show(Uses, { id: "p1" });
    await listed(8);
    expect([field(), document.body.textContent?.includes("On 8 rigs")]).toEqual([null, true]);
    answers["uses"] = Array.from({ length: 30 }, (_, at) => use(at));
    await vi.advanceTimersByTimeAsync(5000);
    await listed(30);
    expect(field()?.getAttribute("aria-label")).toBe("Filter where it runs");
    type("rig-2 older");
    expect([items().length, document.querySelector("[role=status]")?.textContent]).toEqual([6, "6 of 30"]);
    answers["uses"] = [...Array.from({ length: 30 }, (_, at) => use(at)), use(200)];
    await vi.advanceTimersByTimeAsync(5000);
    await listed(7);
    type("nobody");
    expect([items().length, document.body.textContent?.includes("Nothing matches “nobody”")]).toEqual([0, true]);
  });
});

describe("versions of a profile", () => {
  it("are narrowed by what was changed, each with its own change still", async () => {
    answers["versions"] = Array.from({ length: 12 }, (_, at) => version(at));
    show(Versions, { id: "p1", onreverted: () => undefined });
    await listed(12);
    expect([field()?.getAttribute("aria-label"), document.body.textContent?.includes("12 versions")]).toEqual(["Filter versions", true]);
    type("48special");
    expect(document.querySelector("[role=status]")?.textContent, "the one that had it, and the one that brought it").toBe("2 of 12");
    expect(items()[0]).toContain("pool-4.example");
    expect(items()[0]).toContain("pool-5.example");
    type("7f7f7f");
    expect(items()).toHaveLength(1);
  });

  it("are read at a glance where there are few", async () => {
    answers["versions"] = Array.from({ length: 8 }, (_, at) => version(at));
    show(Versions, { id: "p1", onreverted: () => undefined });
    await listed(8);
    expect(field()).toBeNull();
  });
});
