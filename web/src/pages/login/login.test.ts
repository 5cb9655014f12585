// @vitest-environment happy-dom
import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiFailure } from "../../api/failure";
import { session } from "../../session.svelte";
import LoginForm from "./LoginForm.svelte";
import { waitOf } from "./wait";

const failure = (status: number, details?: unknown): ApiFailure => new ApiFailure(status, { error: "No.", code: "X", details });

describe("how long to wait", () => {
  it.each([
    [429, { retryAfterS: 7 }, 7],
    [429, { retryAfterS: 1e9 }, 300],
    [429, { retryAfterS: -1 }, 0],
    [429, { retryAfterS: "7" }, 0],
    [429, null, 0],
    [429, undefined, 0],
    [401, { retryAfterS: 7 }, 0],
  ])("after %d with %j is %d s", (status, details, seconds) => expect(waitOf(failure(status, details))).toBe(seconds));
});

describe("the form", () => {
  let form: Record<string, unknown>;
  let login: ReturnType<typeof vi.spyOn<typeof session, "login">>;
  beforeEach(() => {
    vi.useFakeTimers();
    login = vi.spyOn(session, "login");
    form = mount(LoginForm, { target: document.body, props: { known: "" } });
    flushSync();
  });
  afterEach(async () => {
    await unmount(form);
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const input = (name: string): HTMLInputElement => document.querySelector(`[name="${name}"]`) as HTMLInputElement;
  const type = (name: string, text: string): void => {
    input(name).value = text;
    input(name).dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
  };
  const button = (): HTMLButtonElement => document.querySelector('button[type="submit"]') as HTMLButtonElement;
  async function submit(): Promise<void> {
    document.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await vi.advanceTimersByTimeAsync(0);
    await tick();
    flushSync();
  }

  it("can be read by password managers", () => {
    expect([input("username").autocomplete, input("password").autocomplete, input("password").type]).toEqual(["username", "current-password", "password"]);
  });

  it("says why, forgets the password and goes to it", async () => {
    login.mockRejectedValue(failure(401));
    type("username", " ann ");
    type("password", "wrong");
    await submit();
    expect(login).toHaveBeenCalledWith("ann", "wrong");
    expect(document.querySelector('[role="alert"]')?.textContent).toContain("No.");
    expect([input("username").value, input("password").value]).toEqual([" ann ", ""]);
    expect(document.activeElement).toBe(input("password"));
  });

  it("keeps the password where the node did not look at it", async () => {
    login.mockRejectedValue(failure(0));
    type("password", "right");
    await submit();
    expect(input("password").value).toBe("right");
  });

  it("waits as long as it is told to, and sends nothing meanwhile", async () => {
    login.mockRejectedValue(failure(429, { retryAfterS: 3 }));
    await submit();
    expect(button().disabled).toBe(true);
    expect(button().textContent).toContain("3 s");
    await submit();
    expect(login).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(3100);
    flushSync();
    expect(button().disabled).toBe(false);
  });

  it("shows the password on demand, and says that Caps Lock is on", () => {
    const show = document.querySelector('[aria-label="Show the password"]') as HTMLButtonElement;
    show.click();
    flushSync();
    expect(input("password").type).toBe("text");
    const key = Object.assign(new Event("keydown", { bubbles: true }), { getModifierState: (name: string) => name === "CapsLock" });
    input("password").dispatchEvent(key);
    flushSync();
    expect(document.body.textContent).toContain("Caps Lock is on.");
    input("password").dispatchEvent(new Event("keydown", { bubbles: true })); // as autofill sends them
    input("password").dispatchEvent(new Event("blur"));
    flushSync();
    expect(document.body.textContent).not.toContain("Caps Lock is on.");
  });
});
