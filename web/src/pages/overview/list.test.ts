// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { live } from "../../live/live.svelte";
import { router } from "../../router.svelte";
import Attention from "./Attention.svelte";
import LastEvents from "./LastEvents.svelte";

let hear: Hear = () => {};
const fake = { follow: (_: string, heard: Hear) => ((hear = heard), () => {}) } as unknown as Feed;

function alert(id: string, sinceMs: number) {
  return { id, kind: "hot" as const, severity: "warning" as const, text: `${id} is hot <b>`, sinceMs, rig: id, rigName: id };
}

async function told(message: object): Promise<void> {
  hear(message as Parameters<Hear>[0]);
  await vi.advanceTimersByTimeAsync(1500);
  flushSync();
}

const texts = () => [...document.querySelectorAll("li")].map((item) => item.querySelector(".text")?.textContent);
const section = () => document.querySelector("section") as HTMLElement;
const pointer = (type: string) => (section().querySelector("ul")?.parentElement as HTMLElement).dispatchEvent(Object.assign(new Event(type), { pointerType: "mouse" }));

describe("the attention list", () => {
  let component: object;
  beforeEach(async () => {
    vi.useFakeTimers();
    live.alerts.follow(fake);
    component = mount(Attention, { target: document.body });
    await told({ type: "snapshot", topic: "alerts", part: 0, more: false, rows: [alert("a", 1), alert("b", 2)], seq: 1 });
  });
  afterEach(() => {
    void unmount(component);
    vi.useRealTimers();
  });

  it("says that nothing needs anybody, when nothing does", async () => {
    await told({ type: "snapshot", topic: "alerts", part: 0, more: false, rows: [], seq: 2 });
    expect(section().textContent).toContain("Nothing needs you.");
  });

  it("moves nothing under a pointer, and catches up when it has left", async () => {
    expect(texts()).toEqual(["b is hot <b>", "a is hot <b>"]);
    pointer("pointerenter");
    await told({ type: "delta", topic: "alerts", changed: [alert("c", 9)], removed: ["b"], seq: 2 });
    expect(texts()).toEqual(["b is hot <b>", "a is hot <b>", "c is hot <b>"]);
    expect(document.querySelector("li")?.textContent).toContain("It is well again.");
    expect(document.querySelector("li")?.querySelector("button, .link")).toBeNull();
    pointer("pointerleave");
    flushSync();
    expect(texts()).toEqual(["c is hot <b>", "a is hot <b>"]);
  });

  it("moves nothing while the focus is in it", async () => {
    const row = document.querySelector("li a") as HTMLElement;
    row.focus();
    await told({ type: "delta", topic: "alerts", changed: [alert("c", 9)], removed: [], seq: 2 });
    expect(texts()).toEqual(["b is hot <b>", "a is hot <b>", "c is hot <b>"]);
    row.blur();
    flushSync();
    expect(texts()[0]).toBe("c is hot <b>");
  });

  describe("of many", () => {
    const many = (kind: string, from: number, n: number) => Array.from({ length: n }, (_, at) => ({ ...alert(`${kind}-${from + at}`, from + at), kind }));
    const field = () => section().querySelector<HTMLInputElement>("input[type=search]");
    const counted = () => section().querySelector("[role=status]")?.textContent;
    function type(words: string): void {
      const at = field() as HTMLInputElement;
      at.focus();
      at.value = words;
      at.dispatchEvent(new Event("input", { bubbles: true }));
      flushSync();
    }
    afterEach(() => router.set({ alerts: null }));

    it("is narrowed by typing, which finds one within a group and outlives what comes", async () => {
      expect(field(), "two are seen at a glance").toBeNull();
      await told({ type: "delta", topic: "alerts", changed: [...many("hot", 10, 9), ...many("disk", 30, 2)], removed: [], seq: 2 });
      expect(field()?.getAttribute("aria-label")).toBe("Filter what needs you");
      expect(texts()).toEqual(["disk-31 is hot <b>", "disk-30 is hot <b>", undefined]);
      type("hot-1");
      expect([counted(), texts()]).toEqual(["9 of 13", [undefined]]);
      type("HOT-14 is");
      expect([counted(), texts()]).toEqual(["1 of 13", ["hot-14 is hot <b>"]]);
      await told({ type: "delta", topic: "alerts", changed: many("slow", 140, 1), removed: ["disk-30"], seq: 3 });
      expect([counted(), texts(), field()?.value]).toEqual(["1 of 13", ["hot-14 is hot <b>"], "HOT-14 is"]);
      (section().querySelector("li a") as HTMLElement).focus();
      await told({ type: "delta", topic: "alerts", changed: [], removed: ["hot-13"], seq: 4 });
      expect(section().textContent, "another of its group is over, this one is not").not.toContain("It is well again.");
      await told({ type: "delta", topic: "alerts", changed: [], removed: ["hot-14"], seq: 5 });
      expect(section().textContent, "what is found stays too, and says so").toContain("It is well again.");
      expect(section().querySelector("h2")?.textContent).toMatch(/11$/);
    });

    it("goes on while the focus is in the filter: what is over goes, what is worst comes first", async () => {
      await told({ type: "delta", topic: "alerts", changed: many("disk", 10, 4), removed: ["a", "b"], seq: 2 });
      await told({ type: "delta", topic: "alerts", changed: [...many("cold", 1, 4), ...many("slow", 10, 4)], removed: [], seq: 3 });
      type("-13");
      expect(texts()).toEqual(["disk-13 is hot <b>", "slow-13 is hot <b>"]);
      await told({ type: "delta", topic: "alerts", changed: [{ ...alert("new-13", 99), severity: "critical" }], removed: ["disk-13"], seq: 4 });
      expect(texts()).toEqual(["new-13 is hot <b>", "slow-13 is hot <b>"]);
    });

    it("says that nothing matches, and never that nothing is wrong", async () => {
      await told({ type: "delta", topic: "alerts", changed: many("disk", 10, 9), removed: [], seq: 2 });
      type("no such rig");
      expect(section().textContent).toContain("Nothing matches “no such rig”");
      expect(section().textContent).not.toContain("Nothing needs you.");
      [...section().querySelectorAll("button")].find((each) => each.textContent === "Clear the filter")?.click();
      flushSync();
      expect([section().querySelectorAll("li").length, document.activeElement === field()]).toEqual([3, true]);
    });
  });
});

describe("the last events", () => {
  let component: object;
  const event = (n: number) => ({ id: String(n), atMs: n, kind: "rig_joined", peerId: `id-${n}`, peerName: `rig-${n}`, miner: "", by: "owner", text: "", own: n === 7 });
  beforeEach(async () => {
    vi.useFakeTimers();
    live.events.follow(fake);
    component = mount(LastEvents, { target: document.body });
    await told({ type: "snapshot", topic: "events", part: 0, more: false, rows: Array.from({ length: 40 }, (_, n) => event(n)), seq: 1 });
  });
  afterEach(() => {
    void unmount(component);
    router.set({ events: null });
    vi.useRealTimers();
  });
  const names = () => [...document.querySelectorAll("li .who")].map((each) => each.textContent?.trim());

  it("are found beyond those that are shown, and new ones come in by the same words", async () => {
    expect(names()).toHaveLength(14);
    expect(document.querySelector("li .text")?.textContent, "a rig's owner is not this machine's").toContain("by its own machine");
    const field = document.querySelector<HTMLInputElement>("input[type=search]") as HTMLInputElement;
    expect(field.getAttribute("aria-label")).toBe("Filter the last events");
    field.value = "rig-3";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
    expect([names().at(-1), document.querySelector("[role=status]")?.textContent]).toEqual(["rig-3", "11 of 40"]);
    await told({ type: "delta", topic: "events", changed: [event(333), event(444)], removed: [], seq: 2 });
    expect([names()[0], names().length]).toEqual(["rig-333", 12]);
    field.focus();
    await told({ type: "delta", topic: "events", changed: [event(3333)], removed: [], seq: 3 });
    expect(names()[0], "whoever types reads what comes").toBe("rig-3333");
    const [row] = document.querySelectorAll<HTMLElement>("li a");
    row?.focus();
    await told({ type: "delta", topic: "events", changed: [event(33333)], removed: [], seq: 4 });
    expect(names()[0], "and whoever is in the list aims").toBe("rig-3333");
    row?.blur();
    field.value = "nobody";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
    expect([document.body.textContent?.includes("Nothing matches “nobody”"), document.body.textContent?.includes("Nothing has happened")]).toEqual([true, false]);
  });
});
