import { expect, it } from "vitest";
import { differences } from "./diff";

it("is nothing where both are the same", () => expect(differences({ threads: 4, pool: "a" }, { pool: "a", threads: 4 })).toEqual([]));

it("names each field, also of pools and lists", () => {
  const there = { pool: "a:1", threads: 4, failover: [{ pool: "b:1", tls: true }], devices: [0, 1] };
  const here = { pool: "a:2", failover: [{ pool: "b:1" }, { pool: "c:1" }], devices: [0], tls: false };
  expect(differences(there, here)).toEqual([
    { field: "pool", there: "a:1", here: "a:2" },
    { field: "threads", there: "4", here: undefined },
    { field: "failover 1 tls", there: "true", here: undefined },
    { field: "devices", there: "0, 1", here: "0" },
    { field: "failover 2 pool", there: undefined, here: "c:1" },
    { field: "tls", there: undefined, here: "false" },
  ]);
});

it("ends in something that is nested without end", () => {
  const round: Record<string, unknown> = { a: 1 };
  let deep = round;
  for (let at = 0; at < 50; at += 1) deep = deep["a"] = { a: 1 } as Record<string, unknown>;
  expect(differences(round, {})).toHaveLength(1);
});
