import { describe, expect, it } from "vitest";
import { activity, askedBy } from "../../texts";
import { cameToNothing, orderLines, orderWords } from "./again";
import { type Entry, deedsOf, formatted, resultOf, targetWords } from "./deeds";
import { jobOf, kindsOf, lets } from "./events";
import { answerWords, newestFirst, outcome, segments, took } from "./jobs";
import { timesOf } from "./ranges";

const counts = (of: Partial<Record<string, number>>) => ({ waiting: 0, running: 0, done: 0, failed: 0, skipped: 0, cancelled: 0, interrupted: 0, ...of });

describe("a job", () => {
  it("is shown by the states that rigs are in", () =>
    expect(segments(counts({ waiting: 2, done: 5, failed: 1 }))).toEqual([
      { state: "done", count: 5 },
      { state: "failed", count: 1 },
      { state: "waiting", count: 2 },
    ]));

  it.each([
    ["running", counts({ failed: 3 }), 3, "running"],
    ["done", counts({ done: 3 }), 3, "done"],
    ["done", counts({ done: 2, failed: 1 }), 3, "partly"],
    ["done", counts({ failed: 3 }), 3, "failed"],
    ["cancelled", counts({ failed: 1, cancelled: 2 }), 3, "cancelled"],
  ] as const)("that is %s with %j of %d is %s", (state, of, total, words) => expect(outcome({ state, counts: of, total })).toBe(words));

  it("takes as long as it took, or as it takes so far", () => {
    expect(took("2026-11-25T10:00:00Z", "2026-11-25T10:01:00Z", 0)).toBe(60_000);
    expect(took("2026-11-25T10:00:00Z", null, Date.parse("2026-11-25T10:00:05Z"))).toBe(5000);
    expect(took("2026-11-25T10:00:00Z", null, 0)).toBe(0); // the clocks differ
    expect(took(null, null, 5)).toBeUndefined();
  });

  it("is listed with the newest first", () => {
    const jobs = ["2026-11-25T10:00:00Z", "2026-11-25T12:00:00Z", "2026-11-25T11:00:00Z"].map((createdAt) => ({ createdAt }));
    expect(newestFirst(jobs).map(({ createdAt }) => createdAt.slice(11, 13))).toEqual(["12", "11", "10"]);
  });

  it.each([
    [{ status: "stopped", minerName: "xmrig-1", miners: ["xmrig-1", "xmrig-2"] }, "stopped: xmrig-1, xmrig-2"],
    [{ status: "installed", minerType: "xmrig", version: "6.22.0", restarted: ["xmrig-1"] }, "installed: xmrig 6.22.0; xmrig-1"],
    [{ status: "stored", profileHash: "ab" }, "stored"],
    [{ status: "stopped", miners: [{ x: 1 }, 5] }, "stopped"],
    [{ odd: 1 }, '{"odd":1}'],
    [null, ""],
  ])("with the answer %j says %s", (answer, words) => expect(answerWords(answer)).toBe(words));
});

describe("the same command again", () => {
  it("is for those on which it came to nothing", () => expect(cameToNothing(counts({ failed: 2, interrupted: 1, cancelled: 4, done: 9, skipped: 3, running: 1 }))).toBe(7));

  it("is said by its fields that say something, in words where there are some", () => {
    const order = { profileId: "0123456789abcdef", profileHash: "ab".repeat(32), resumeAfterS: 60, minerName: null, config: {}, restart: false, rules: [1], constructor: "x" };
    const lines = orderLines(order, activity.one.orderFields, "night");
    expect(orderWords(lines)).toBe("Profile: night, Version of the profile: abababab, Goes on after seconds: 60, Rules: [1], constructor: x");
    expect(orderLines({ profileId: "0123" }, activity.one.orderFields)).toEqual([{ label: "Profile", text: "0123" }]);
  });
});

describe("the audit journal", () => {
  const entry = (seq: number, kind: string, of = 0, code = ""): Entry => ({
    seq, kind, of, code, atMs: 0, door: "", role: "", caller: "", callerId: "", address: "", action: "", target: "{}", body: "{}", prev: "", hash: "", signature: "",
  });

  it("puts what was asked together with how it ended", () => {
    const deeds = deedsOf([entry(5, "ended", 2, "REFUSED"), entry(4, "ended", 3), entry(3, "asked"), entry(2, "asked"), entry(1, "noted")], false);
    expect(deeds.map(({ entry: { seq }, ended }) => [seq, ended?.seq])).toEqual([[3, 4], [2, 5], [1, undefined]]);
    expect(deeds.map(resultOf)).toEqual([
      { result: "done", code: "" },
      { result: "code", code: "REFUSED" },
      { result: "noted", code: "" },
    ]);
  });

  it("says of what has no end that it was asked, and of what was lost that it was", () => {
    const deeds = deedsOf([entry(2, "lost"), entry(1, "asked")], false);
    expect(deeds.map((deed) => resultOf(deed).result)).toEqual(["lost", "asked"]);
  });

  it("keeps an end back while its beginning may be on the next page, and shows it where there is none", () => {
    const entries = [entry(9, "ended", 7), entry(8, "asked")];
    expect(deedsOf(entries, true).map(({ entry: { seq } }) => seq)).toEqual([8]);
    expect(deedsOf(entries, false).map(({ entry: { seq } }) => seq)).toEqual([9, 8]);
    expect(deedsOf([...entries, entry(7, "asked")], true).map(({ entry: { seq } }) => seq)).toEqual([8, 7]);
  });

  it("shows bodies in lines, and what is no JSON as it stands", () => {
    expect(formatted('{"a":{"b":1}}')).toBe('{\n  "a": {\n    "b": 1\n  }\n}');
    expect(formatted("{<b>")).toBe("{<b>");
    expect(targetWords('{"peer":"0123456789abcdef","miner":"x"}', (id) => (id === "0123456789abcdef" ? "rig-beta" : undefined))).toBe("rig-beta, x");
    expect([targetWords('{"peer":"rig-alpha","miner":"x"}'), targetWords("{}"), targetWords("{")]).toEqual(["rig-alpha, x", "", "{"]);
  });
});

describe("actions of the audit journal", () => {
  it("are said in words, and one of a newer node as it is called", () =>
    expect([activity.deed("stop_many"), activity.deed("warp_rig"), activity.deed("constructor")]).toEqual(["Stop on many rigs", "warp_rig", "constructor"]));
  it("are told apart by their words", () => expect(new Set(activity.deeds.map(([, words]) => words)).size).toBe(activity.deeds.length));
});

describe("events", () => {
  const event = { kind: "offline", peerId: "fb972dd0cd457451", peerName: "rig-alpha", text: "The link was lost." };
  it.each([
    [{ kinds: [], peer: "", q: "" }, true],
    [{ kinds: ["online", "offline"], peer: "rig-alpha", q: "LINK" }, true],
    [{ kinds: [], peer: "fb97", q: "" }, true],
    [{ kinds: ["online"], peer: "", q: "" }, false],
    [{ kinds: [], peer: "rig-beta", q: "" }, false],
    [{ kinds: [], peer: "", q: "stopped" }, false],
  ])("are let through by %j: %s", (wanted, through) => expect(lets(event, wanted)).toBe(through));

  it("name their job", () => {
    const text = "Stop on 3 rigs: job 4b16ac6735dfdc6182354679 is done (3 failed).";
    expect([jobOf({ kind: "job", text }), jobOf({ kind: "stopped", text })]).toEqual(["4b16ac6735dfdc6182354679", undefined]);
  });
  it("have kinds in the address", () => expect([kindsOf("online,offline"), kindsOf(null), kindsOf("")]).toEqual([["online", "offline"], [], []]));
  it.each([
    ["login ann", "ann"],
    ["token two words", "token two words"],
    ["loopback", "this machine"],
    ["fb972dd0cd457451", "fb972dd0cd457451"],
    ["", "nobody"],
    ["constructor", "constructor"],
    ["__proto__", "__proto__"],
  ])("asked by %j are %s's", (by, words) => expect(askedBy(by)).toBe(words));
});

describe("ranges", () => {
  it("are how long ago, or two moments", () => {
    expect(timesOf("1h", "", "", 7_200_000)).toEqual({ since: 3_600_000 });
    expect(timesOf("custom", "2026-11-25T10:00", "", 0)).toEqual({ since: new Date(2026, 10, 25, 10).getTime() });
    expect(timesOf("custom", "nonsense", "", 0)).toEqual({});
    expect([timesOf("", "2026-11-25T10:00", "", 0), timesOf("toString", "", "", 0)]).toEqual([{}, {}]);
  });
});
