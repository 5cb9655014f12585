// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, it } from "vitest";
import { live } from "../../live/live.svelte";
import TopBar from "../../shell/TopBar.svelte";
import Numbers from "./Numbers.svelte";

let component: object | undefined;
afterEach(async () => {
  if (component) await unmount(component);
  component = undefined;
});

function shown(totals: object): string {
  live.totals = {
    rigs: 4, mining: 3, miners: 4, minersMining: 3, hashrate: { "rx/0": 12_500 }, shares: 999, rejected: 1, powerW: null, powerKnown: 0, efficiency: {}, hashing: { "rx/0": 3 }, ...totals,
  } as unknown as NonNullable<typeof live.totals>;
  component = mount(Numbers, { target: document.body });
  flushSync();
  return document.body.textContent.replace(/\s+/g, " ");
}

it("says of how many rigs power is known, and of which efficiency is", () => {
  const words = shown({ powerW: 480, powerKnown: 2, efficiency: { "rx/0": 26 } });
  expect(words).toContain("480 W of 2 of 4 rigs");
  expect(words).toContain("Of rigs that report their power");
  expect(words).toContain("12.5 kH/s");
  expect(words).toMatch(/0\.1 % 1\b/);
});

/** A fleet in which one rig has made up ten algorithms, and calls them so that they would come first. */
const MADE_UP = Array.from({ length: 10 }, (_, at) => String(at));
const TOTALS = {
  hashrate: { ...Object.fromEntries(MADE_UP.map((name) => [name, 1.7e308])), "rx/0": 2000, gr: 300 },
  hashing: { ...Object.fromEntries(MADE_UP.map((name) => [name, 1])), "rx/0": 40, gr: 2 },
  efficiency: { ...Object.fromEntries(MADE_UP.map((name) => [name, 1])), "rx/0": 26 },
};

it("begins with what most rigs mine, and lists what one has made up behind it, folded away", () => {
  const words = shown(TOTALS);
  const lines = [...document.querySelectorAll(".rates > .line")].map((line) => line.textContent.replace(/\s+/g, ""));
  expect(lines.slice(0, 3)).toEqual(["rx/02.00kH/s", "gr300H/s", "0>999ZH/s"]);
  expect(lines).toHaveLength(6);
  expect(words).toContain("and 6 more, of fewer rigs");
  expect(words).toMatch(/Efficiency rx\/0/);
});

it("has in the bar on every page what most rigs mine", () => {
  shown(TOTALS);
  const bar = mount(TopBar, { target: document.body, props: { onfind: () => undefined } });
  flushSync();
  const rates = [...document.querySelectorAll("header .rate")].map((each) => each.textContent.replace(/\s+/g, ""));
  expect(rates).toEqual(["2.00kH/srx/0", "300H/sgr"]);
  void unmount(bar);
});
