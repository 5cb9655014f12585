// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, it } from "vitest";
import type { RigDetail } from "../../live/live.svelte";
import { router } from "../../router.svelte";
import Programs from "./Programs.svelte";

const detail: RigDetail = {
  nodeId: "a", nodeName: "a", connected: true, ageS: 0, error: "", errorCode: "", uptime: 1, version: "1", pingMs: 1,
  miners: [], machine: null, problems: [], schedule: "", locked: false,
};
const program = (at: number) => ({ type: `miner-${at}`, installed: at < 3, version: `6.${at}`, description: at === 7 ? "for old cards" : "" });
let shown: object | undefined;
function show(n: number): void {
  shown = mount(Programs, { target: document.body, props: { programs: Array.from({ length: n }, (_, at) => program(at)), detail, changed: () => undefined } });
  flushSync();
}
afterEach(async () => {
  if (shown) await unmount(shown);
  router.set({ programs: null });
});
const field = () => document.querySelector<HTMLInputElement>("input[type=search]");
const items = () => [...document.querySelectorAll("li")].map((item) => item.querySelector("strong")?.textContent);
function type(words: string): void {
  const at = field() as HTMLInputElement;
  at.value = words;
  at.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
}

it("programs of a rig are not filtered where there are eight", () => {
  show(8);
  expect([items().length, field()]).toEqual([8, null]);
});

it("programs of a rig are found among those that are there and those that could be, which are opened for that", () => {
  show(12);
  expect([field()?.getAttribute("aria-label"), document.querySelector("details")?.open]).toEqual(["Filter miner programs", false]);
  type("OLD cards");
  expect([items(), document.querySelector("details")?.open, document.body.textContent?.includes("no programs")]).toEqual([["miner-7"], true, false]);
  type("miner-1");
  expect([items(), document.querySelector("[role=status]")?.textContent]).toEqual([["miner-1", "miner-10", "miner-11"], "3 of 12"]);
  type("nothing");
  expect([items(), document.body.textContent?.includes("Nothing matches “nothing”")]).toEqual([[], true]);
});
