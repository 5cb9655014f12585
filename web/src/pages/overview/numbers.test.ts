// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, it } from "vitest";
import { live } from "../../live/live.svelte";
import Numbers from "./Numbers.svelte";

let component: object | undefined;
afterEach(() => {
  if (component) void unmount(component);
});

function shown(totals: object): string {
  live.totals = {
    rigs: 4, miners: 4, minersMining: 3, hashrate: { "rx/0": 12_500 }, shares: 999, rejected: 1, powerW: null, powerKnown: 0, efficiency: {}, ...totals,
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
