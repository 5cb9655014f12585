import { describe, expect, it } from "vitest";
import type { Alert } from "../../live/live.svelte";
import { entriesOf, held, narrowed, standing } from "./attention";

function alert(id: string, more: Partial<Alert> = {}): Alert {
  return {
    id, kind: "crashed", severity: "critical", text: "", sinceMs: 0, rig: id, rigName: id, miner: "", suggestion: "",
    action: null, times: 1, easing: false, ...more,
  };
}
const byId = (list: Alert[]) => new Map(list.map((one) => [one.id, one]));
const many = (n: number, more: Partial<Alert> = {}) => Array.from({ length: n }, (_, at) => alert(`r${at}`, { sinceMs: at, ...more }));

describe("what needs attention", () => {
  it("has the worst first, and of those as bad what came last", () => {
    const list = [alert("n", { severity: "notice", kind: "clock", sinceMs: 9 }), alert("old", { sinceMs: 1 }), alert("w", { severity: "warning", kind: "hot", sinceMs: 8 }), alert("new", { sinceMs: 5 })];
    expect(entriesOf(list).map((entry) => entry.key)).toEqual(["new", "old", "w", "n"]);
  });

  it("is one entry where many rigs have the same trouble", () => {
    const entries = entriesOf([...many(37, { kind: "offline" }), alert("x", { sinceMs: 100 })]);
    expect(entries.map((entry) => [entry.grouped, entry.alerts.length])).toEqual([[false, 1], [true, 37]]);
  });

  it("keeps a group at the border as it is", () => {
    const group = entriesOf(many(5));
    expect(group).toHaveLength(1);
    expect(entriesOf(many(4))).toHaveLength(4);
    expect(entriesOf(many(4), group)).toHaveLength(1);
    expect(entriesOf(many(2), group)).toHaveLength(2);
  });

  it("never puts nodes that wait for approval together: each has words of its own to compare", () =>
    expect(entriesOf(many(9, { kind: "pairing" }))).toHaveLength(9));

  it("moves nothing while somebody aims: what is over says so, what is new comes last", () => {
    const before = entriesOf([alert("a", { sinceMs: 3 }), alert("b", { sinceMs: 2 }), alert("c", { sinceMs: 1 })]);
    const now = held(byId([alert("worst", { sinceMs: 99 }), alert("c", { severity: "warning" }), alert("a", { sinceMs: 3 })]), before);
    expect(now.map((entry) => [entry.key, entry.over.size])).toEqual([["a", 0], ["b", 1], ["c", 0], ["worst", 0]]);
    expect(standing(now)).toBe(3);
    expect(now[2]?.alerts[0]?.severity).toBe("warning");
  });

  it("says of one that is found within a group whether that is over, and not whether another is", () => {
    const now = held(byId(many(6).slice(1)), entriesOf(many(6)));
    const over = (typed: string) => narrowed(now, typed).map((entry) => [entry.alerts.map(({ id }) => id), [...entry.over]]);
    expect([over("r4"), over("r0")]).toEqual([[[["r4"], []]], [[["r0"], ["r0"]]]]);
    expect(standing(narrowed(now, "r4"))).toBe(1);
  });

  it("adds to a group that is held at its end", () => {
    const before = entriesOf(many(6));
    const now = held(byId([...many(6), alert("late", { sinceMs: 100 })]), before);
    expect(now).toHaveLength(1);
    expect(now[0]?.alerts.at(-1)?.id).toBe("late");
    expect(before[0]?.alerts).toHaveLength(6);
  });
});
