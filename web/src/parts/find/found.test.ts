import { describe, expect, it } from "vitest";
import { foundIn } from "./found";

const ROWS = ["Zoë's rig-7 cellar", "rig-17 ATTIC", "<b>rig-8</b> attic.*", ""];

describe("what is typed finds", () => {
  it.each([
    ["", [0, 1, 2, 3]],
    ["  \t ", [0, 1, 2, 3]],
    ["attic", [1, 2]],
    ["ATTIC rig", [1, 2]],
    ["cellar zoe", [0]],
    ["ZOË", [0]],
    ["rig-7", [0]],
    ["attic cellar", []],
    [".*", [2]],
    ["<b>", [2]],
    ["[", []],
    ["constructor", []],
  ])("%j: those rows", (typed, found) => expect(foundIn(ROWS, typed, (row) => row)).toEqual(found.map((at) => ROWS[at])));

  it("everything as it is, where nothing is typed", () => expect(foundIn(ROWS, " ", () => expect.fail("it was looked at"))).toBe(ROWS));
});
