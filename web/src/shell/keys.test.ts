// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { preferences } from "../preferences.svelte";
import { keys } from "./keys.svelte";

const press = (key: string, more: KeyboardEventInit = {}, target: Element = document.body): boolean => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, ...more });
  Object.defineProperty(event, "target", { value: target });
  return keys.pressed(event);
};

describe("keys", () => {
  const run = { search: vi.fn(), go: vi.fn() };
  const offered = [
    { keys: "/", text: "Filter", run: run.search },
    { keys: "g n", text: "Go", run: run.go },
  ];
  let end = keys.offer(offered);
  afterEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
    preferences.setSingleKeys(true);
    end();
    end = keys.offer(offered);
  });

  it("do what the page offers, and nothing once it is gone", () => {
    expect([press("/"), run.search.mock.calls.length]).toEqual([true, 1]);
    end();
    expect([press("/"), run.search.mock.calls.length]).toEqual([false, 1]);
  });
  it("may be two, one soon after the other", () => {
    vi.useFakeTimers();
    expect([press("g"), press("n"), run.go.mock.calls.length]).toEqual([false, true, 1]);
    press("g");
    vi.advanceTimersByTime(2000);
    expect([press("n"), run.go.mock.calls.length]).toEqual([false, 1]);
  });
  it("are left to fields and dialogs, and with a modifier to the browser", () => {
    const field = document.createElement("input");
    const dialog = document.createElement("dialog").appendChild(document.createElement("button"));
    expect([press("/", {}, field), press("/", {}, dialog), press("/", { ctrlKey: true })]).toEqual([false, false, false]);
  });
  it("do nothing where somebody has turned them off", () => {
    preferences.setSingleKeys(false);
    expect(press("/")).toBe(false);
    expect(run.search).not.toHaveBeenCalled();
  });
});
