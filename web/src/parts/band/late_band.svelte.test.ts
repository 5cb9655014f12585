// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, expect, it, vi } from "vitest";
import { answerFirst } from "../../frames";
import LateBand from "./LateBand.svelte";

afterEach(() => vi.unstubAllGlobals());

it("is drawn with the frame after the one that answers, and another rig's is not seen meanwhile", async () => {
  const frames = new Map<number, FrameRequestCallback>();
  let last = 0;
  vi.stubGlobal("requestAnimationFrame", (work: FrameRequestCallback) => (frames.set((last += 1), work), last));
  vi.stubGlobal("cancelAnimationFrame", (id: number) => frames.delete(id));
  vi.stubGlobal("fetch", () => new Promise(() => {}));
  const frame = (): void => {
    const now = [...frames.values()];
    frames.clear();
    for (const work of now) work(0);
    flushSync();
  };
  const props = $state({ rig: "a", name: "alpha" });
  const target = document.createElement("div");
  const component = mount(LateBand, { target, props });
  flushSync();
  const shown = () => [target.querySelector("[role=img]")?.getAttribute("aria-label")?.includes(props.name), target.querySelector(".late") !== null];
  expect(shown()).toEqual([true, false]);
  answerFirst();
  [props.rig, props.name] = ["b", "beta"];
  flushSync();
  expect(shown()).toEqual([false, true]);
  frame();
  expect(shown(), "the frame that answers").toEqual([false, true]);
  frame();
  expect(shown()).toEqual([true, false]);
  await unmount(component);
});
