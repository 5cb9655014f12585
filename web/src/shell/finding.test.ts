import { describe, expect, it } from "vitest";
import { best, score, verbOf } from "./finding";

describe("what is found", () => {
  const rigs = ["rig-alpha", "rig-beta", "cellar-rig", "alpha", "a-long-place-hall"];
  const found = (query: string, most = 9) => best(rigs, (rig) => rig, query, most);

  it("puts what begins with it first, the shortest before longer ones", () => {
    expect(found("alpha")).toEqual(["alpha", "rig-alpha", "a-long-place-hall"]);
    expect(found("rig")).toEqual(["rig-beta", "rig-alpha", "cellar-rig"]);
  });
  it("finds letters in their order, and nothing that has them otherwise", () => {
    expect(found("rgbt")).toEqual(["rig-beta"]);
    expect(found("tbgr")).toEqual([]);
  });
  it("gives no more than are wanted, and does not mind the case", () => expect(found("RIG", 1)).toHaveLength(1));
  it("takes everything as an answer to nothing", () => expect(found("  ")).toEqual(rigs));
  it("prefers the beginning of a word", () => expect(score("my rig", "rig")).toBeGreaterThan(score("brigade", "rig")));
});

describe("verbs", () => {
  it("are a word and the rest", () => expect(verbOf("Stop rig a")).toEqual({ verb: "stop", rest: "rig a" }));
  it("are not the beginning of a word", () => expect([verbOf("stop"), verbOf("stopper x"), verbOf("start x")]).toEqual([undefined, undefined, undefined]));
  it("alone, with a space, are for any rig", () => expect(verbOf("ping ")).toEqual({ verb: "ping", rest: "" }));
});
