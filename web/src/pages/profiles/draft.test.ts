import { describe, expect, it } from "vitest";
import { type Field, differences, fieldsOf, groupOf, kindOf, poolFields, poolWritten, read, same, shortened, shown, withField } from "./draft";

const field = (name: string, takes = "text", value: unknown = null): Field => ({ name, takes, default: value, meaning: "", ofPool: false });

describe("the kind of a field", () => {
  it.each([
    [field("tls", "true or false", false), "switch"],
    [field("threads", "1 to 1024"), "number"],
    [field("donateLevel", "0 to 99", 1), "number"],
    [field("seed", "a number"), "number"],
    [field("randomxMode", "auto, light, fast", "auto"), "choice"],
    [field("password", "text", "x"), "secret"],
    [field("cpuAffinity", "numbers, or 0-3,8", []), "text"],
    [field("failover", "a list of pools", []), "pools"],
    [field("tomorrow", "something new"), "text"],
  ])("of %o is %s", (one, kind) => expect(kindOf(one)).toBe(kind));

  it("puts what is new into the last group", () => expect([groupOf("threads"), groupOf("tomorrow")]).toEqual(["cpu", "other"]));
  it("orders the fields of a group, and leaves out what is not heeded", () => {
    const fields = [field("algo"), field("wallet"), field("pool"), field("proxy")];
    expect(fieldsOf("pool", fields, (name) => name !== "proxy").map((one) => one.name)).toEqual(["pool", "wallet", "algo"]);
  });
});

describe("what is typed", () => {
  it.each([
    ["number", "threads", " 4 ", 4],
    ["number", "intensity", "0.5", 0.5],
    ["number", "threads", "four", "four"],
    ["number", "threads", "", undefined],
    ["text", "cpuAffinity", "0-3,8", "0-3,8"],
    ["text", "pauseOnActivity", "true", true],
    ["text", "pauseOnActivity", "90", 90],
    ["lines", "extraArgs", " --a \n\n--b=1 ", ["--a", "--b=1"]],
    ["secret", "password", "", ""],
    ["text", "wallet", "  ", undefined],
  ] as const)("%s %s %j is %j", (kind, name, words, value) => expect(read(kind, name, words)).toEqual(value));

  it("stands in the field as it was", () => {
    expect([shown([0, 2]), shown(["--a", "--b"]), shown(null), shown(true), shown(12)]).toEqual(["0,2", "--a\n--b", "", "true", "12"]);
  });
});

describe("configs", () => {
  it("are not edited in place", () => {
    const config = { pool: "a:1" };
    expect(withField(config, "threads", 2)).toEqual({ pool: "a:1", threads: 2 });
    expect(withField(config, "pool", undefined)).toEqual({});
    expect(config).toEqual({ pool: "a:1" });
  });
  it("are the same in any order of keys", () => expect([same({ a: 1, b: [2] }, { b: [2], a: 1 }), same({ a: 1 }, { a: "1" })]).toEqual([true, false]));
  it("differ in named fields", () => {
    expect(differences({ pool: "a:1", tls: true }, { pool: "b:1", tls: true, threads: 2 })).toEqual([
      { field: "pool", before: "a:1", after: "b:1" },
      { field: "threads", before: undefined, after: 2 },
    ]);
  });
  it("write a further pool as short as can be", () => {
    expect(poolWritten(poolFields("a:1"))).toBe("a:1");
    expect(poolWritten({ ...poolFields("a:1"), tls: true })).toEqual({ pool: "a:1", tls: true });
    expect(poolFields(["nonsense"])).toEqual({});
  });
  it("shorten a wallet in the middle", () => expect(shortened("48abcdefghijklmnopqrstuvwxyz")).toBe("48abcdefghij…vwxyz"));
});
