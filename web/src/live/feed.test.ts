import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ANSWER_WITHIN_MS, type Connection, Feed, LONGEST_RETRY_MS, PING_EVERY_MS, STEADY_MS, type Said } from "./feed";
import { ScriptedSocket } from "./scripted_socket";

let connections: Connection[];
let endings: number;
let feed: Feed;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1); // back-off without luck: the longest it can be
  vi.spyOn(console, "error").mockImplementation(() => {});
  ScriptedSocket.install();
  connections = [];
  endings = 0;
  feed = new Feed("ws://node/", {
    connection: (now) => connections.push(now),
    nodeTime: () => {},
    hello: () => {},
    ended: () => (endings += 1),
  });
});
afterEach(() => {
  feed.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const microtasks = async (): Promise<void> => {
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
};
/** A hearer that keeps what it hears. */
const listener = (): { hear: (message: Said) => void; heard: Said[] } => {
  const heard: Said[] = [];
  return { hear: (message) => heard.push(message), heard };
};
const state = (topic: string, n: number): Record<string, unknown> => ({ type: "state", topic, state: { n } });

describe("topics", () => {
  it("are subscribed in one message, and told to who hears them", async () => {
    const one = listener();
    feed.follow("fleet", one.hear);
    feed.follow("alerts", () => {});
    feed.open();
    await microtasks();
    ScriptedSocket.last.accept();
    expect(ScriptedSocket.last.heard()).toEqual([{ op: "subscribe", topics: ["fleet", "alerts"] }]);
    ScriptedSocket.last.say(state("fleet", 1));
    ScriptedSocket.last.say(state("alerts", 2));
    expect(one.heard).toHaveLength(1);
  });

  it("of logs carry how many lines", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    feed.follow("log:a/m", () => {}, 300);
    feed.follow("fleet", () => {});
    await microtasks();
    expect(ScriptedSocket.last.heard()).toEqual([
      { op: "subscribe", topics: ["log:a/m"], lines: 300 },
      { op: "subscribe", topics: ["fleet"] },
    ]);
  });

  it("never make a message that the node does not take", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    for (let n = 0; n < 60; n += 1) feed.follow(`log:${"f".repeat(16)}/${"é".repeat(63)}-${n}`, () => {});
    await microtasks();
    const heard = ScriptedSocket.last.heard();
    expect(heard.flatMap(({ topics }) => topics as string[])).toHaveLength(60);
    for (const message of heard) expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThanOrEqual(4096);
  });

  it("whose name is too long end at once, and cost nobody the feed", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    const one = listener();
    feed.follow(`peer:${"a".repeat(300)}`, one.hear);
    await microtasks();
    expect(one.heard).toMatchObject([{ type: "ended", code: "NO_SUCH_TOPIC" }]);
    expect(ScriptedSocket.last.heard()).toEqual([]);
  });

  it("are left with the last who hears them, not before", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    const ends = [feed.follow("peer:a", () => {}), feed.follow("peer:a", () => {})];
    await microtasks();
    ScriptedSocket.last.heard();
    ends[0]?.();
    ends[0]?.(); // once more changes nothing
    await microtasks();
    expect(ScriptedSocket.last.heard()).toEqual([]);
    ends[1]?.();
    await microtasks();
    expect(ScriptedSocket.last.heard()).toMatchObject([{ op: "unsubscribe", topics: ["peer:a"] }, { op: "ping" }]);
  });

  it("that a second one followed and both left in one moment are left, too", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    const first = feed.follow("peer:a", () => {});
    await microtasks();
    ScriptedSocket.last.heard();
    const second = feed.follow("peer:a", () => {});
    first();
    second();
    await microtasks();
    expect(ScriptedSocket.last.heard()).toMatchObject([{ op: "unsubscribe", topics: ["peer:a"] }, { op: "ping" }]);
  });

  it("that are left and followed in one moment begin anew without being left", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    const end = feed.follow("peer:a", () => {});
    await microtasks();
    ScriptedSocket.last.heard();
    end();
    feed.follow("peer:a", () => {});
    await microtasks();
    expect(ScriptedSocket.last.heard()).toEqual([{ op: "subscribe", topics: ["peer:a"] }]);
  });

  it("that were never told are not left", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    feed.follow("peer:a", () => {})();
    await microtasks();
    expect(ScriptedSocket.last.heard()).toEqual([]);
  });
});

describe("a topic that is left and followed again", () => {
  it("hears nothing of the time before, whatever is under way", async () => {
    feed.open();
    const socket = ScriptedSocket.last;
    socket.accept();
    const end = feed.follow("log:a/m", () => {});
    await microtasks();
    end();
    await microtasks();
    const [, , ping] = socket.heard();
    const again = listener();
    feed.follow("log:a/m", again.hear);
    await microtasks();
    // the log has ended by itself just before the node heard that it is left: it says so twice
    socket.say({ type: "log", topic: "log:a/m", lines: ["old"], first: false, skippedLines: 0, skippedBytes: 0 });
    socket.say({ type: "ended", topic: "log:a/m", reason: "There is no more.", code: "", suggestion: "" });
    socket.say({ type: "ended", topic: "log:a/m", reason: "Unsubscribed.", code: "", suggestion: "" });
    expect(again.heard).toEqual([]);
    socket.say({ type: "pong", id: ping?.["id"], nowMs: 2 });
    socket.say({ type: "log", topic: "log:a/m", lines: ["new"], first: true, skippedLines: 0, skippedBytes: 0 });
    socket.say({ type: "ended", topic: "log:a/m", reason: "There is no more.", code: "", suggestion: "" });
    expect(again.heard).toMatchObject([{ type: "log", lines: ["new"] }, { type: "ended" }]);
  });

  it("waits for the answer to the later leave when it was left twice", async () => {
    feed.open();
    const socket = ScriptedSocket.last;
    socket.accept();
    feed.follow("peer:a", () => {})();
    const first = feed.follow("peer:a", () => {});
    await microtasks();
    first();
    await microtasks();
    const second = feed.follow("peer:a", () => {});
    await microtasks();
    second();
    await microtasks();
    const pings = socket.heard().filter(({ op }) => op === "ping");
    expect(pings).toHaveLength(2);
    const third = listener();
    feed.follow("peer:a", third.hear);
    await microtasks();
    socket.say({ type: "pong", id: pings[0]?.["id"], nowMs: 2 });
    socket.say(state("peer:a", 1)); // of the second time
    expect(third.heard).toEqual([]);
    socket.say({ type: "pong", id: pings[1]?.["id"], nowMs: 2 });
    socket.say(state("peer:a", 2));
    expect(third.heard).toMatchObject([{ state: { n: 2 } }]);
  });
});

describe("a topic that ends by itself", () => {
  it("is told, and is not left again", async () => {
    feed.open();
    const socket = ScriptedSocket.last;
    socket.accept();
    const one = listener();
    const end = feed.follow("log:a/m", one.hear);
    await microtasks();
    socket.heard();
    socket.say({ type: "ended", topic: "log:a/m", reason: "There is no more.", code: "", suggestion: "" });
    end();
    await microtasks();
    expect(one.heard).toHaveLength(1);
    expect(socket.heard()).toEqual([]);
  });
});

describe("a connection", () => {
  it("with a message missing begins anew, with a snapshot of each topic", async () => {
    feed.follow("fleet", () => {});
    feed.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.heard();
    ScriptedSocket.last.say(state("fleet", 1), 3);
    expect(ScriptedSocket.made[0]?.readyState).toBe(ScriptedSocket.CLOSED);
    await vi.advanceTimersByTimeAsync(500);
    expect(ScriptedSocket.made).toHaveLength(2);
    ScriptedSocket.last.accept();
    expect(ScriptedSocket.last.heard()).toEqual([{ op: "subscribe", topics: ["fleet"] }]);
    expect(connections).toEqual(["live", "lost", "live"]);
  });

  it.each(["{not json", "null", "5", "{}"])("that says %s begins anew", async (said) => {
    feed.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.raw(said);
    await vi.advanceTimersByTimeAsync(500);
    expect(ScriptedSocket.made).toHaveLength(2);
  });

  it("that was lost says nothing more, whatever still comes", () => {
    const one = listener();
    feed.follow("fleet", one.hear);
    feed.open();
    const first = ScriptedSocket.last;
    first.accept();
    first.say(state("fleet", 1), 9);
    first.say(state("fleet", 2), 10);
    expect(one.heard).toEqual([]);
  });

  it("is tried again later and later, at most every 8 s", async () => {
    feed.open();
    const waits: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      ScriptedSocket.last.end();
      const before = ScriptedSocket.made.length;
      let waited = 0;
      while (ScriptedSocket.made.length === before) {
        await vi.advanceTimersByTimeAsync(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, LONGEST_RETRY_MS, LONGEST_RETRY_MS]);
    expect(endings).toBe(7);
  });

  it("that ends right after hello each time is not tried without end in the same pace", async () => {
    feed.open();
    for (let n = 0; n < 10; n += 1) {
      ScriptedSocket.last.accept();
      ScriptedSocket.last.end(1008);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(ScriptedSocket.made.length).toBeLessThan(6);
  });

  it("that stood for a while is tried again soon", async () => {
    feed.open();
    for (let n = 0; n < 4; n += 1) {
      ScriptedSocket.last.accept();
      await vi.advanceTimersByTimeAsync(STEADY_MS);
      ScriptedSocket.last.end(1001);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(ScriptedSocket.made).toHaveLength(5);
  });

  it("that cannot be opened within a time is given up", async () => {
    feed.open();
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS + 500);
    expect(ScriptedSocket.made).toHaveLength(2);
    expect(connections).toEqual(["lost"]);
  });

  it("that answers pings lives, also where nothing changes and timers are late", async () => {
    feed.open();
    const socket = ScriptedSocket.last;
    socket.accept();
    for (let n = 0; n < 5; n += 1) {
      // a hidden tab: the clock jumps, and timers run once a minute
      vi.setSystemTime(Date.now() + 60_000);
      await vi.advanceTimersByTimeAsync(PING_EVERY_MS);
      for (const ping of socket.heard()) socket.say({ type: "pong", id: ping["id"], nowMs: 1 });
    }
    expect(ScriptedSocket.made).toHaveLength(1);
    expect(connections).toEqual(["live"]);
  });

  it("that answers no ping is lost", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    await vi.advanceTimersByTimeAsync(PING_EVERY_MS + ANSWER_WITHIN_MS);
    expect(connections).toEqual(["live", "lost"]);
  });

  it("is looked after when somebody comes back to the page", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    feed.nudge();
    feed.nudge();
    expect(ScriptedSocket.last.heard()).toMatchObject([{ op: "ping" }]);
    await vi.advanceTimersByTimeAsync(ANSWER_WITHIN_MS);
    expect(connections).toEqual(["live", "lost"]);
    feed.nudge(); // and now at once
    expect(ScriptedSocket.made).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(LONGEST_RETRY_MS);
    expect(ScriptedSocket.made).toHaveLength(2); // the retry that waited is not made beside it
  });

  it("that was told too often begins anew", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.say({ type: "error", error: "Not that.", code: "BAD_INPUT", suggestion: "" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ScriptedSocket.made).toHaveLength(1);
    ScriptedSocket.last.say({ type: "error", error: "Too often.", code: "RATE_LIMITED", suggestion: "" });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ScriptedSocket.made).toHaveLength(2);
  });

  it("goes on for others where one who hears fails", () => {
    const one = listener();
    feed.follow("fleet", () => {
      throw new Error("a mistake of a page");
    });
    feed.follow("fleet", one.hear);
    feed.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.say(state("fleet", 1));
    ScriptedSocket.last.say(state("fleet", 2));
    expect(one.heard).toHaveLength(2);
  });
});

describe("a refusal", () => {
  it("is said until a connection stands, and is no end: after a login it is open again", async () => {
    feed.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.end(1008);
    expect(connections).toEqual(["live", "refused"]);
    feed.close(); // nobody is logged in
    await vi.advanceTimersByTimeAsync(20_000);
    expect(ScriptedSocket.made).toHaveLength(1);
    feed.follow("fleet", () => {});
    feed.open(); // and again somebody is
    ScriptedSocket.last.accept();
    expect(ScriptedSocket.last.heard()).toEqual([{ op: "subscribe", topics: ["fleet"] }]);
    expect(connections).toEqual(["live", "refused", "connecting", "live"]);
  });

  it("that closes the feed while it is told makes no retry", async () => {
    const closing: Feed = new Feed("ws://node/", { connection: () => {}, nodeTime: () => {}, hello: () => {}, ended: () => closing.close() });
    closing.open();
    ScriptedSocket.last.accept();
    ScriptedSocket.last.end(1008);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(ScriptedSocket.made).toHaveLength(1);
  });
});
