// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Schemas } from "../../api/requests";
import { ApiFailure } from "../../api/failure";
import Band from "./Band.svelte";
import { Bands, bands, DRAWN_AT_ONCE } from "./bands.svelte";

function answer(ids: string[]): Schemas["BandsView"] {
  return {
    startMs: 0,
    stepMs: 900_000,
    points: 4,
    table: "minutes",
    bands: ids.map((peerId) => ({
      peerId,
      peerName: peerId,
      states: "mmt-",
      hashrate: [],
      events: [{ atMs: 1_800_000, kind: "crashed", miner: "xmrig-1", by: "owner", own: false, text: "Killed by signal 9." }],
      earlierEvents: false,
    })),
    unknown: [],
  };
}

describe("bands", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks for all that is shown at once, a hundred in a request", async () => {
    const ask = vi.fn((ids: string[]) => Promise.resolve(answer(ids)));
    const own = new Bands(ask);
    for (let at = 0; at < 130; at++) own.show(`rig-${at}`);
    await vi.advanceTimersByTimeAsync(2000);
    expect(ask.mock.calls.map(([ids]) => ids.length)).toEqual([100, 30]);
    expect(own.of("rig-129").band?.states).toBe("mmt-");
  });

  it("come a few with each frame, and all of them", async () => {
    let answered: (bands: Schemas["BandsView"]) => void = () => undefined;
    const own = new Bands(() => new Promise((resolve) => (answered = resolve)));
    const ids = Array.from({ length: 25 }, (_, at) => `rig-${at}`);
    for (const id of ids) own.show(id);
    await vi.advanceTimersByTimeAsync(100);
    const there = () => ids.filter((id) => own.of(id).band).length;
    answered(answer(ids));
    await Promise.resolve();
    await Promise.resolve();
    const steps = [there()];
    while (there() < 25) {
      await vi.advanceTimersToNextTimerAsync();
      steps.push(there());
    }
    expect(steps.every((count, at) => count - (steps[at - 1] ?? 0) <= DRAWN_AT_ONCE)).toBe(true);
    expect(there()).toBe(25);
  });

  it("does not ask for what is scrolled past, and does for what is seen at last, also while there is no rest", async () => {
    const ask = vi.fn((ids: string[]) => Promise.resolve(answer(ids)));
    const own = new Bands(ask);
    for (let at = 0; at < 8; at++) {
      const end = own.show(`rig-${at}`);
      await vi.advanceTimersByTimeAsync(50);
      end();
    }
    expect(ask).not.toHaveBeenCalled();
    own.show("seen");
    await vi.advanceTimersByTimeAsync(100);
    expect(ask.mock.calls.map(([ids]) => ids)).toEqual([["seen"]]);
    for (let at = 0; at < 20; at++) {
      own.show(`other-${at}`);
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(ask.mock.calls.length).toBeGreaterThan(1);
  });

  it("asks again each minute for what is still shown, and for nothing else", async () => {
    const ask = vi.fn((ids: string[]) => Promise.resolve(answer(ids)));
    const own = new Bands(ask);
    own.show("stays");
    const end = own.show("goes");
    await vi.advanceTimersByTimeAsync(100);
    end();
    end();
    await vi.advanceTimersByTimeAsync(70_000);
    expect(ask.mock.calls.map(([ids]) => ids)).toEqual([["stays", "goes"], ["stays"]]);
  });

  it("forgets nothing that is about to be shown: those that come are made before those that go have ended", async () => {
    const ask = vi.fn((ids: string[]) => Promise.resolve(answer(ids)));
    const own = new Bands(ask);
    const first = own.of("rig-0");
    let ends: (() => void)[] = [];
    for (let page = 0; page < 12; page++) {
      const ids = Array.from({ length: 50 }, (_, at) => `rig-${page * 50 + at}`);
      const made = ids.map((id) => own.of(id));
      const next = ids.map((id, at) => {
        ends[at]?.();
        return own.show(id);
      });
      expect(ids.every((id, at) => own.of(id) === made[at]), `page ${page}`).toBe(true);
      ends = next;
      await vi.advanceTimersByTimeAsync(600);
      expect(made.every((held) => held.band), `page ${page} is drawn`).toBe(true);
    }
    expect(own.of("rig-0") === first, "and what is long out of sight is forgotten").toBe(false);
  });

  it("keeps what it knows when an answer fails, says why, and asks again soon", async () => {
    let fails = false;
    const ask = vi.fn((ids: string[]) =>
      fails ? Promise.reject(new ApiFailure(503, { error: "The disk is full.", code: "HISTORY" })) : Promise.resolve(answer(ids)),
    );
    const own = new Bands(ask);
    own.show("rig");
    await vi.advanceTimersByTimeAsync(100);
    fails = true;
    await vi.advanceTimersByTimeAsync(66_000);
    expect(own.of("rig").failure?.message).toBe("The disk is full.");
    expect(own.of("rig").band?.states).toBe("mmt-");
    fails = false;
    await vi.advanceTimersByTimeAsync(16_000);
    expect(own.of("rig").failure).toBeUndefined();
  });
});

describe("Band", () => {
  it("says in words what it draws, and steps through it by keyboard", () => {
    vi.spyOn(bands, "show").mockReturnValue(() => {});
    const held = bands.of("a1");
    const component = mount(Band, { target: document.body, props: { rig: "a1", name: "rig-alpha" } });
    flushSync();
    const slider = document.querySelector("[role=slider]");
    expect(slider?.getAttribute("aria-valuetext")).toBe("The last 24 hours are being loaded.");
    const [band] = answer(["a1"]).bands;
    if (band) held.band = { ...band, startMs: 0, stepMs: 900_000 };
    flushSync();
    expect(slider?.getAttribute("aria-valuetext")).toBe("mining 30 min, in trouble 15 min, nothing known 15 min; 1 event.");
    slider?.dispatchEvent(new KeyboardEvent("keydown", { key: "Home", bubbles: true }));
    slider?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    flushSync();
    expect(slider?.getAttribute("aria-valuetext")).toContain("in trouble; xmrig-1 crashed: Killed by signal 9. by its own machine");
    void unmount(component);
  });
});
