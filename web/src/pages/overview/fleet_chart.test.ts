// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, it, vi } from "vitest";
import FleetChart from "./FleetChart.svelte";

let component: object | undefined;
afterEach(async () => {
  if (component) await unmount(component);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("shows a day, and of a fleet that is known for less than an hour that one, once anything is known of it", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const stepMs = 360_000;
  let values: (number | null)[] | undefined;
  const since: (string | null)[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    since.push(new URL(request.url).searchParams.get("since"));
    const lines = values ? [{ name: "rx/0", values }] : [];
    return new Response(JSON.stringify({ what: "hashrate", unit: "H/s", startMs: 0, stepMs, points: 240, table: "minutes", lines, offline: [] }), { headers: { "content-type": "application/json" } });
  });
  component = mount(FleetChart, { target: document.body });
  await vi.waitFor(() => (flushSync(), expect(document.body.textContent).not.toContain("Loading")));
  values = [...Array<null>(239).fill(null), 0];
  await vi.advanceTimersByTimeAsync(60_000);
  await vi.waitFor(() => (flushSync(), expect(since.at(-1)).toBe("1h")));
  expect(since[0]).toBe("24h");
});
