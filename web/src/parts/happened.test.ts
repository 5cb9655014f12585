// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { own } from "../own.svelte";
import { markOf, whoOf } from "../pages/rig/events";
import { byWhom, whatHappened } from "./happened";

describe("what happened", () => {
  it("is a kind with its reason where a rig tells it, and a sentence where this node notes it", () => {
    expect(whatHappened({ kind: "stopped", miner: "xmrig-1", text: "as asked" })).toBe("xmrig-1 stopped: as asked");
    expect(whatHappened({ kind: "gave_up", miner: "xmrig-1", text: "" })).toBe("xmrig-1 given up by the watchdog");
    expect(whatHappened({ kind: "command", miner: "", text: "Restart all miners." })).toBe("Restart all miners.");
    expect(whatHappened({ kind: "some_news", miner: "", text: "" })).toBe("some news");
    expect(whatHappened({ kind: "constructor", miner: "", text: "" })).toBe("constructor");
  });

  const noted = (by: string) => byWhom({ by, own: true });
  const told = (by: string) => byWhom({ by, own: false });

  it("says who asked this node", () => {
    expect(noted("")).toBe("");
    expect(noted("login ann")).toBe("by ann");
    expect(noted("owner")).toBe("by this machine");
    expect(noted("0123456789abcdef")).toBe("by 0123456789abcdef");
    own.value = { identity: { id: "0123456789abcdef" } } as typeof own.value;
    expect(noted("0123456789abcdef")).toBe("by this node");
  });

  it("takes nobody of a rig for somebody here", () => {
    expect([told(""), told("owner"), told("loopback")]).toEqual(["", "by its own machine", "by its own machine"]);
    expect([told("login ann"), told("token grafana"), told("constructor")]).toEqual(["by login ann", "by token grafana", "by constructor"]);
    own.value = { identity: { id: "0123456789abcdef" } } as typeof own.value;
    expect(told("0123456789abcdef")).toBe("by this node");
  });

  it("does so in a rig's journal and on its charts", () => {
    const event = { atMs: 1, kind: "stopped", miner: "m", by: "owner" };
    expect([whoOf({ ...event, own: false }), whoOf(event), markOf(event).by]).toEqual(Array(3).fill("its own machine"));
    expect([whoOf({ ...event, own: true }), markOf({ ...event, own: true }).by]).toEqual(Array(2).fill("this machine"));
  });
});
