// @vitest-environment happy-dom
import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Column } from "./columns";
import { listed } from "./listed.svelte";
import { Finder, ordered } from "./order";
import { OrderedRows, type Source } from "./rows.svelte";

interface Rig {
  id: string;
  rate: number;
}
const COLUMNS: Column<Rig>[] = [
  { id: "id", header: "Name", width: 5, value: (rig) => rig.id },
  { id: "rate", header: "Hashrate", width: 5, value: (rig) => rig.rate, live: true },
];

/** A source as the feed is one: the map is edited in place, `version` says so. */
class Feed implements Source<Rig> {
  #rows = new Map<string, Rig>();
  #version = $state(0);
  complete = true;
  members = 0;
  done = $state(0);
  /** How often somebody began to listen, and ended it. */
  followed: [number, number] = [0, 0];
  listen() {
    this.followed[0] += 1;
    return () => void (this.followed[1] += 1);
  }
  get rows() {
    void this.#version;
    return this.#rows;
  }
  get version() {
    return this.#version;
  }
  put(...rows: Rig[]) {
    for (const row of rows) {
      if (!this.#rows.has(row.id)) this.members += 1;
      this.#rows.set(row.id, row);
    }
    this.#version += 1;
    flushSync();
  }
  drop(id: string) {
    this.#rows.delete(id);
    this.members += 1;
    this.#version += 1;
    flushSync();
  }
}

let end: () => void = () => {};
let feed: Feed;
class Wish {
  column = $state("");
  text = $state("");
}
let asked: Wish;
function table(column = "id"): OrderedRows<Rig> {
  feed = new Feed();
  asked = new Wish();
  asked.column = column;
  let rows: OrderedRows<Rig> | undefined;
  end = $effect.root(() => {
    rows = new OrderedRows<Rig>(() => ({ source: feed, columns: COLUMNS, sort: { column: asked.column, descending: false }, text: asked.text, where: undefined }));
  });
  flushSync();
  return rows as OrderedRows<Rig>;
}
const later = (ms: number) => {
  vi.advanceTimersByTime(ms);
  flushSync();
};

describe("rows in order", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    end();
    vi.useRealTimers();
  });

  it("that are looked for are those, and in the order, that sorting and looking through all anew would give", () => {
    const rows = table();
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let step = 0; step < 120; step += 1) {
      const id = `rig-${random(40)}`;
      const what = random(6);
      if (what === 0) feed.drop(id);
      else if (what === 1) asked.column = random(2) ? "id" : "rate";
      else if (what === 2) asked.text = ["", "1", "rig-2", "nothing"][random(4)] ?? "";
      else feed.put({ id, rate: random(1000) });
      feed.done += 1; // shown at once
      flushSync();
      const found = [...feed.rows.values()].filter(new Finder(COLUMNS).matcher(asked.text) ?? (() => true));
      expect(rows.order, `step ${step}`).toEqual(ordered(found, { column: asked.column, descending: false }, COLUMNS));
    }
  });

  it("are there at once, and in another order at once when that is asked for", () => {
    const rows = table();
    feed.put({ id: "a", rate: 3 }, { id: "b", rate: 2 }, { id: "c", rate: 1 });
    expect(rows.order).toEqual(["a", "b", "c"]);
    rows.aimed = true;
    asked.column = "rate";
    flushSync();
    expect(rows.order).toEqual(["c", "b", "a"]);
    asked.text = "b";
    flushSync();
    expect(rows.order).toEqual(["b"]);
  });

  it("stay where they are when a value changes, until five seconds have gone by", () => {
    const rows = table("rate");
    feed.put({ id: "a", rate: 1 }, { id: "b", rate: 2 });
    feed.put({ id: "a", rate: 9 });
    expect(rows.row("a")?.rate).toBe(9);
    later(4000);
    expect(rows.order).toEqual(["a", "b"]);
    later(2000);
    expect(rows.order).toEqual(["b", "a"]);
  });

  it("stay for as long as somebody aims or scrolls, and what comes is put at the end", () => {
    const rows = table("rate");
    feed.put({ id: "a", rate: 1 }, { id: "b", rate: 2 });
    rows.aimed = true;
    feed.put({ id: "a", rate: 9 }, { id: "new", rate: 0 });
    later(20_000);
    expect(rows.order).toEqual(["a", "b", "new"]);
    rows.aimed = false;
    rows.scrolled();
    later(1500);
    expect(rows.order).toEqual(["a", "b", "new"]);
    later(6000);
    expect(rows.order).toEqual(["new", "b", "a"]);
  });

  it("are put in where as many went as came", () => {
    const rows = table();
    feed.put({ id: "a", rate: 1 }, { id: "b", rate: 2 });
    feed.drop("a");
    feed.put({ id: "c", rate: 3 });
    later(1000);
    expect(rows.order).toEqual(["b", "c"]);
  });

  it("are not made again for a column that does not move by itself", () => {
    const rows = table("id");
    feed.put({ id: "a", rate: 1 });
    const before = rows.order;
    feed.put({ id: "a", rate: 2 });
    later(20_000);
    expect(rows.order).toBe(before);
  });

  it("that nobody sees follow a frame after those that are seen", () => {
    const rows = table();
    feed.put({ id: "a", rate: 2 }, { id: "b", rate: 1 });
    later(100);
    asked.column = "rate";
    flushSync();
    expect([rows.at(0, true), rows.at(1, false)]).toEqual(["b", "b"]);
    later(100);
    expect([rows.at(0, true), rows.at(1, false)]).toEqual(["b", "a"]);
    expect([rows.at(2, true), rows.at(2, false)]).toEqual(["", ""]);
    feed.put({ id: "c", rate: 3 });
    feed.done += 1;
    flushSync();
    expect(rows.at(2, false), "new ones are there at once").toBe("c");
  });

  it("show what is gone as it was, until the order is made again; at once what was done here", () => {
    const rows = table();
    feed.put({ id: "a", rate: 1 }, { id: "b", rate: 2 });
    rows.aimed = true;
    feed.drop("a");
    later(20_000);
    expect(rows.order).toEqual(["a", "b"]);
    expect([rows.isGone("a"), rows.row("a")?.rate]).toEqual([true, 1]);
    feed.put({ id: "c", rate: 3 });
    later(1000);
    feed.drop("c");
    expect([rows.order, rows.isGone("c"), rows.row("c")?.rate], "of one that came meanwhile too").toEqual([["a", "b", "c"], true, 3]);
    feed.done += 1;
    flushSync();
    expect(rows.order).toEqual(["b"]);
    feed.put({ id: "b", rate: 7 }, { id: "d", rate: 1 });
    feed.done += 1;
    flushSync();
    feed.drop("b");
    expect(rows.row("b")?.rate, "as it was in the order that is made now").toBe(7);
  });

  it("are followed once, whatever is typed and sorted by", () => {
    table();
    asked.text = "a";
    flushSync();
    asked.column = "rate";
    flushSync();
    expect(feed.followed).toEqual([1, 0]);
    end();
    expect(feed.followed).toEqual([1, 1]);
  });
});

describe("a list that is asked for", () => {
  it("is a source: nothing yet, then what came", () => {
    let list = $state.raw<Rig[] | undefined>(undefined);
    const source = listed(() => list);
    expect([source.complete, source.rows.size]).toEqual([false, 0]);
    list = [{ id: "a", rate: 1 }];
    expect([source.complete, source.rows.get("a")?.rate]).toEqual([true, 1]);
  });
});
