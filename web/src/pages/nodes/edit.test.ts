import { describe, expect, it } from "vitest";
import { type Draft, changeOf, changedMeanwhile, draftOf, isName, isNothing } from "./edit";
import { isLoopback, isPublicKey } from "./keys";
import type { Peer } from "./peers.svelte";
import { qrPath, qrSize } from "./qr";

const PEER: Peer = {
  id: "c".repeat(16), name: "rig-a", publicKey: "", signingKey: "", fingerprint: "", words: "", address: "", dialAddress: "", role: "worker", addedAt: "",
  lastSeen: null, pingMs: null, pingSmoothedMs: null, score: 50, connected: true, state: "connected", grants: ["observe"], verified: true, tags: [], lastFailure: null,
};
const BEGAN: Draft = { name: "rig-a", address: "", tags: "cellar, gpu", grants: ["observe"] };

describe("an edit", () => {
  it("sends what is another, and nothing where nothing is", () => {
    expect(isNothing(changeOf({ ...BEGAN, name: " rig-a ", tags: "cellar,gpu" }, BEGAN))).toBe(true);
    expect(changeOf({ ...BEGAN, tags: "" }, BEGAN)).toEqual({ tags: [] });
    expect(changeOf({ name: "rig-b", address: "h:1", tags: BEGAN.tags, grants: [] }, BEGAN)).toEqual({ name: "rig-b", address: "h:1", grant: [] });
  });

  it("tells what somebody else has changed meanwhile", () => {
    expect(changedMeanwhile(BEGAN, BEGAN)).toEqual([]);
    const said = changedMeanwhile(BEGAN, { ...BEGAN, name: "rig-z", grants: [] });
    expect(said).toEqual(["Name here is now rig-z.", "It may do here is now Nothing."]);
  });

  it("offers an address that is dialled, and not the host that a peer comes from", () => {
    expect(draftOf({ ...PEER, address: "10.0.0.7", dialAddress: "" }).address).toBe("");
    expect(draftOf({ ...PEER, address: "h:9091", dialAddress: "h:9091" }).address).toBe("h:9091");
  });

  it("takes the names that the node takes", () => {
    expect(["rig-alpha", "a", "A.b_c-9", "x".repeat(63)].map(isName)).toEqual([true, true, true, true]);
    expect(["", "rig alpha", "rig/alpha", "é", "x".repeat(64), "a\n"].map(isName)).toEqual(Array(6).fill(false));
  });
});

describe("keys and addresses", () => {
  it("are checked as they are typed", () => {
    expect(isPublicKey("0xyhfWf91Nd3Kr60MdQYP4xJnMn/pHte7sj+DcOpeXw=")).toBe(true);
    expect(["", "abc", "0xyhfWf91Nd3Kr60MdQYP4xJnMn/pHte7sj+DcOpeXw", "<b>".padEnd(43, "A") + "="].map(isPublicKey)).toEqual(Array(4).fill(false));
    expect(["127.0.0.1:9091", "localhost:9091", "[::1]:9091", "wss://127.0.0.1:9091"].map(isLoopback)).toEqual(Array(4).fill(true));
    expect(["192.168.1.2:9091", "rig.example:9091", "[fe80::1]:9091", "127.example:1"].map(isLoopback)).toEqual(Array(4).fill(false));
  });
});

describe("a QR code", () => {
  /** The dark modules that a path draws. */
  function drawn(path: string): Set<string> {
    const dark = new Set<string>();
    for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) for (let at = 0; at < Number(length); at += 1) dark.add(`${Number(x) + at},${y}`);
    return dark;
  }

  it("is drawn module for module, with a light edge of four", () => {
    const rows = ["1101", "0000", "1010", "0111"];
    const dark = new Set(rows.flatMap((row, y) => [...row].flatMap((module, x) => (module === "1" ? [`${x + 4},${y + 4}`] : []))));
    expect(drawn(qrPath(rows))).toEqual(dark);
    expect(qrSize(rows)).toBe(12);
  });

  it("draws nothing but modules, whatever it is given", () => {
    expect(qrPath(['"/><script>', "0x1"])).toBe("M6 5h1v1h-1z");
    expect(qrPath([])).toBe("");
  });
});
