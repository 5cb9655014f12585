// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answerFirst, nextFrame } from "./frames";

const FRAME_MS = 16;
const did: string[] = [];
const wait = (name: string) => nextFrame(() => did.push(name));
const frame = () => vi.advanceTimersByTime(FRAME_MS);

describe("work that waits for a frame", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    did.length = 0;
  });
  afterEach(() => {
    vi.runAllTimers();
    vi.useRealTimers();
  });

  it("is done with the next one, once, and not if it was taken back", () => {
    wait("a");
    wait("b")();
    expect(did).toEqual([]);
    frame();
    expect(did).toEqual(["a"]);
    vi.advanceTimersByTime(5000);
    expect(did).toEqual(["a"]);
  });

  it("leaves the next one to who is answered, and that one only", () => {
    wait("before");
    answerFirst();
    wait("after");
    const taken = wait("taken back");
    frame();
    expect(did).toEqual([]);
    taken();
    frame();
    expect(did).toEqual(["before", "after"]);
    wait("then");
    frame();
    expect(did.at(-1)).toBe("then");
  });

  it("is not put off again by somebody who asks with every frame", () => {
    answerFirst();
    wait("a");
    frame();
    answerFirst();
    frame();
    expect(did).toEqual(["a"]);
  });

  it("is done where there are no frames, because nobody looks", () => {
    vi.stubGlobal("requestAnimationFrame", () => 1);
    wait("a");
    vi.advanceTimersByTime(1000);
    vi.unstubAllGlobals();
    expect(did).toEqual(["a"]);
  });
});
