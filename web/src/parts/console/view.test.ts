// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { live } from "../../live/live.svelte";
import Console from "./Console.svelte";
import { LogView } from "./view.svelte";

type Heard = Parameters<typeof live.followLog>[2];
let heard: Heard;
let ended: Parameters<typeof live.followLog>[3];
let shown: Record<string, unknown>;

const frame = () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())));
const say = async (lines: string[], more: object = {}) => {
  heard({ type: "log", seq: 1, topic: "log:a/b", lines, first: false, skippedLines: 0, skippedBytes: 0, ...more });
  await frame();
  flushSync();
};
const text = () => document.querySelector("[role=log]")?.textContent ?? "";
const button = (name: string) => document.querySelector<HTMLButtonElement>(`button[aria-label="${name}"]`);
const type = async (words: string) => {
  const input = document.querySelector<HTMLInputElement>("input[type=search]");
  if (!input) throw new Error("no field");
  input.value = words;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await vi.waitFor(() => expect(document.querySelector(".count")?.textContent).not.toBe(""));
};

beforeEach(() => {
  vi.stubGlobal("ResizeObserver", class {
    observe(): void {}
    disconnect(): void {}
  });
  vi.spyOn(live, "followLog").mockImplementation((_rig, _miner, hear, end) => {
    [heard, ended] = [hear, end];
    return () => undefined;
  });
  shown = mount(Console, { target: document.body, props: { rig: "a", miner: "b", name: "a-b" } });
  flushSync();
});

afterEach(async () => {
  await unmount(shown);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it("shows markup, links and titles of a miner as text", async () => {
  await say(["<img src=x onerror=alert(1)>", "\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007", "\u202egpj.exe"]);
  expect(text()).toContain("<img src=x onerror=alert(1)>");
  expect(text()).toContain("click");
  expect(text()).not.toContain("evil.example");
  expect(text()).toContain("\\u202egpj.exe");
  expect(document.querySelector("[role=log] a, [role=log] img")).toBeNull();
});

it("holds what comes while it is paused, and says how much", async () => {
  await say(["one"]);
  button("Pause")?.click();
  await say(["two", "three"]);
  expect(text()).not.toContain("two");
  const fresh = [...document.querySelectorAll("button")].find((each) => each.textContent?.trim() === "2 new lines");
  fresh?.click();
  flushSync();
  expect(text()).toContain("three");
});

it("finds, counts and filters, and searches what is seen while it is paused", async () => {
  await say(["accepted (1/0)", "new job", "ACCEPTED (2/0)"]);
  await type("accepted");
  expect(document.querySelector(".count")?.textContent).toBe("2 of 2");
  button("Next match")?.click();
  flushSync();
  expect(document.querySelector(".count")?.textContent).toBe("1 of 2");
  expect(document.querySelectorAll(".match").length).toBe(2);
  expect(document.querySelectorAll(".current").length).toBe(1);
  document.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
  await vi.waitFor(() => expect(text()).not.toContain("new job"));
});

it("says in place what was left out, and why it ends", async () => {
  await say(["a"], { first: true });
  await say(["b"], { skippedLines: 12 });
  ended("simulated-1 has stopped.", "Start it again.");
  await frame();
  flushSync();
  expect(text().indexOf("12 lines left out here")).toBeGreaterThan(text().indexOf("a"));
  expect(text()).toContain("The log ends here: simulated-1 has stopped. Start it again.");
});

it("keeps a page of a hundred thousand lines small", async () => {
  for (let at = 0; at < 100; at += 1) heard({ type: "log", seq: 1, topic: "log:a/b", lines: Array.from({ length: 1000 }, (_, line) => `line ${at * 1000 + line}`), first: false, skippedLines: 0, skippedBytes: 0 });
  await say(["the end"]);
  expect(document.querySelectorAll(".line").length).toBeLessThan(200);
  expect(document.querySelector("p[role=status]")?.textContent).toMatch(/older lines not kept/);
});

it("goes on after a lost connection, however fast lines come", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const view = new LogView();
    const say = (lines: string[], first = false) => view.hear({ lines, first, skippedLines: 0, skippedBytes: 0 });
    say(["a", "b", "c"], true);
    say(["x"], true); // the connection was lost, and nothing of what was there is left
    for (let at = 0; at < 40; at += 1) {
      say([`line ${at}`]);
      vi.advanceTimersByTime(100);
    }
    view.pause();
    view.resume();
    expect(view.text()).toContain("line 39");
  } finally {
    vi.useRealTimers();
  }
});
