// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Feed, Hear } from "../../live/feed";
import { live } from "../../live/live.svelte";
import Attention from "./Attention.svelte";

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
const pointer = (type: string) => section().dispatchEvent(Object.assign(new Event(type), { pointerType: "mouse" }));

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
    section().dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    await told({ type: "delta", topic: "alerts", changed: [alert("c", 9)], removed: [], seq: 2 });
    expect(texts()).toEqual(["b is hot <b>", "a is hot <b>", "c is hot <b>"]);
    section().dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
    flushSync();
    expect(texts()[0]).toBe("c is hot <b>");
  });
});
