// @vitest-environment happy-dom
import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, describe, expect, it } from "vitest";
import { router } from "../../router.svelte";
import Find from "./Find.svelte";
import { Narrowed } from "./narrowed.svelte";
import NoneFound from "./NoneFound.svelte";

const named = (n: number): string[] => Array.from({ length: n }, (_, at) => `rig-${at}`);
const box = $state({ rows: [] as string[] });
let parts: object[] = [];
let end: () => void = () => {};
let list: Narrowed<string>;

function show(rows: string[]): void {
  box.rows = rows;
  end = $effect.root(() => {
    list = new Narrowed("rigs", () => box.rows, (row) => row);
  });
  parts = [
    mount(Find, { target: document.body, props: { typed: list.typed, label: "Filter rigs" } }),
    mount(NoneFound, { target: document.body, props: { typed: list.typed } }),
  ];
  flushSync();
}
const field = () => document.querySelector<HTMLInputElement>("input[type=search]");
const said = () => document.querySelector("[role=status]")?.textContent;
function type(words: string): void {
  const at = field() as HTMLInputElement;
  at.value = words;
  at.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}
function press(key: string): boolean {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  const goesOn = (field() as HTMLInputElement).dispatchEvent(event);
  flushSync();
  return goesOn;
}

afterEach(async () => {
  await Promise.all(parts.map((part) => unmount(part)));
  end();
  router.set({ rigs: null, more: null });
  document.body.textContent = "";
});

describe("the filter of a list", () => {
  it("is there for a list of nine, and not for one of eight", () => {
    show(named(8));
    expect(field()).toBeNull();
    box.rows = named(9);
    flushSync();
    expect(field()?.getAttribute("aria-label")).toBe("Filter rigs");
    expect(said()).toBe("");
  });

  it("says how many of how many, keeps them while the list changes, and stands in the address", () => {
    show(named(12));
    router.set({ more: "1" });
    type("rig-1");
    expect([list.rows, said()]).toEqual([["rig-1", "rig-10", "rig-11"], "3 of 12"]);
    expect(location.search).toBe("?more=1&rigs=rig-1");
    box.rows = [...named(12), "rig-100", "other"];
    flushSync();
    expect([list.rows.length, said(), field()?.value]).toEqual([4, "4 of 14", "rig-1"]);
    box.rows = named(2);
    flushSync();
    expect([field()?.value, said()], "it goes with what is typed, not with the list").toEqual(["rig-1", "1 of 2"]);
  });

  it("stays under the hands of who has seen it: the list gets short, and what was typed is cleared", () => {
    show(named(12));
    const before = field() as HTMLInputElement;
    before.focus();
    box.rows = named(8);
    flushSync();
    expect(document.activeElement === before && field() === before).toBe(true);
    type("rig-1");
    expect(press("Escape")).toBe(false);
    expect([document.activeElement === before, field() === before, list.rows.length]).toEqual([true, true, 8]);
    box.rows = [];
    flushSync();
    expect(field() === before).toBe(true);
  });

  it("has room for what it says, however many there are", () => {
    show(named(10_000));
    expect(field()?.style.paddingRight).toBe("");
    type("rig-1");
    expect([said(), field()?.style.paddingRight]).toEqual(["1,111 of 10,000", "calc(15ch + 0.75rem)"]);
  });

  it("is cleared with Escape, which then is for what is around it again", () => {
    show(named(9));
    type("x");
    expect(press("Escape")).toBe(false);
    expect([field()?.value, location.search, list.rows.length]).toEqual(["", "", 9]);
    expect(press("Escape")).toBe(true);
  });

  it("says that nothing matches, in the words that were typed, and takes them out again", async () => {
    show(named(9));
    expect(document.querySelector("button")).toBeNull();
    type("<img src=x> ");
    expect(document.querySelector("img")).toBeNull();
    expect(document.body.textContent).toContain("Nothing matches “<img src=x>”");
    (document.querySelector("button") as HTMLButtonElement).click();
    flushSync();
    await tick();
    expect([list.rows.length, document.activeElement === field(), document.querySelector("button")]).toEqual([9, true, null]);
  });

  it("takes what a link brings, as much as can be typed", () => {
    router.set({ rigs: `rig-1${" ".repeat(300)}x` });
    show(named(9));
    expect([list.rows, field()?.value.length]).toEqual([["rig-1"], 200]);
  });
});
