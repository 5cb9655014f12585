// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { own } from "../own.svelte";
import { byWhom, whatHappened } from "./happened";

describe("what happened", () => {
  it("is a kind with its reason where a rig tells it, and a sentence where this node notes it", () => {
    expect(whatHappened({ kind: "stopped", miner: "xmrig-1", text: "as asked" })).toBe("xmrig-1 stopped: as asked");
    expect(whatHappened({ kind: "gave_up", miner: "xmrig-1", text: "" })).toBe("xmrig-1 given up by the watchdog");
    expect(whatHappened({ kind: "command", miner: "", text: "Restart all miners." })).toBe("Restart all miners.");
    expect(whatHappened({ kind: "some_news", miner: "", text: "" })).toBe("some news");
    expect(whatHappened({ kind: "constructor", miner: "", text: "" })).toBe("constructor");
  });

  it("says who asked", () => {
    expect(byWhom("")).toBe("");
    expect(byWhom("login ann")).toBe("by ann");
    expect(byWhom("owner")).toBe("by this machine");
    expect(byWhom("0123456789abcdef")).toBe("by 0123456789abcdef");
    own.value = { identity: { id: "0123456789abcdef" } } as typeof own.value;
    expect(byWhom("0123456789abcdef")).toBe("by this node");
  });
});
