// @vitest-environment happy-dom
import { createRawSnippet, flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Column } from "./columns";
import { listed } from "./listed.svelte";
import { MADE_AT_ONCE } from "./made.svelte";
import Table from "./Table.svelte";

interface Rig {
  id: string;
  name: string;
  rate: number;
}
const HOSTILE = `<img src=x onerror="window.hit=1">`;
const RIGS: Rig[] = Array.from({ length: 10_000 }, (_, n) => ({ id: `id-${n}`, name: n === 3 ? HOSTILE : `rig-${n}`, rate: 10_000 - n }));
const COLUMNS: Column<Rig>[] = [
  { id: "name", header: "Name", width: 8, value: (rig) => rig.name, phone: "title" },
  { id: "rate", header: "Rate", width: 6, value: (rig) => rig.rate, numeric: true, optional: true, phone: "value" },
];
const empty = createRawSnippet(() => ({ render: () => "<p>Nothing here</p>" }));
const bulk = createRawSnippet<[string[]]>(() => ({ render: () => "<button>Stop</button>" }));

let component: ReturnType<typeof mount>;
let opened: string[];
function show(rigs: Rig[] | undefined, width = 1200, columns = COLUMNS): void {
  opened = [];
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(width);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockImplementation(function (this: HTMLElement) {
    return this.classList.contains("box") ? 400 : 40;
  });
  component = mount(Table<Rig>, {
    target: document.body,
    props: {
      name: "test", label: "Rigs", noun: "rig", columns, source: listed(() => rigs), sort: { column: "name", descending: false }, empty, bulk,
      onopen: (rig: Rig) => opened.push(rig.id),
    },
  });
  flushSync();
}
const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
const one = (selector: string) => document.querySelector<HTMLElement>(selector) as HTMLElement;
const lines = () => all("[role=rowgroup] [role=row]");
const press = (key: string, more: KeyboardEventInit = {}) => {
  one("[role=grid]").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  flushSync();
};
const type = (text: string) => {
  const field = one("input[type=search]") as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
};
const click = (element: HTMLElement, more: MouseEventInit = {}) => {
  element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...more }));
  flushSync();
};
/** Frames come when the test has them come; returns what has the next one come, `false` where nothing waits for one. */
function heldFrames(): () => boolean {
  const held = new Map<number, FrameRequestCallback>();
  let last = 0;
  vi.stubGlobal("requestAnimationFrame", (work: FrameRequestCallback) => (held.set((last += 1), work), last));
  vi.stubGlobal("cancelAnimationFrame", (id: number) => held.delete(id));
  return () => {
    const now = [...held.values()];
    held.clear();
    for (const work of now) work(0);
    flushSync();
    return now.length > 0;
  };
}
const selected = () => document.querySelector(".bulk strong")?.textContent ?? "none";

describe("a table", () => {
  beforeEach(() => localStorage.clear());
  afterEach(() => {
    void unmount(component);
    flushSync();
    document.body.textContent = "";
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it("draws of 10,000 rows what is seen, and says how many there are and which each is", () => {
    const frame = heldFrames();
    show(RIGS);
    while (frame());
    expect(lines().length).toBeGreaterThan(9);
    expect(lines().length).toBeLessThan(40);
    expect(one("[role=grid]").getAttribute("aria-rowcount")).toBe("10001");
    expect(lines().map((line) => line.getAttribute("aria-rowindex"))).toEqual(lines().map((_, at) => String(at + 2)));
  });

  it("shows as many columns as there is room for, until somebody chooses: then those, whatever its width", () => {
    const columns = [...COLUMNS, { id: "band", header: "Band", width: 6, optional: true, from: 72 }, { id: "more", header: "More", width: 6, optional: true, hidden: true }];
    const heads = () => all("[role=columnheader]").map((head) => head.textContent?.trim()).filter(Boolean);
    const shownAt = (width: number): unknown => {
      void unmount(component);
      show(RIGS, width, columns);
      return heads();
    };
    show(RIGS, 1152, columns);
    expect(heads()).toEqual(["Name", "Rate", "Band"]);
    expect(shownAt(1151)).toEqual(["Name", "Rate"]);
    click(one("[role=columnheader] button")); // it is remembered what was sorted by, and not what there was room for
    expect(shownAt(1152)).toEqual(["Name", "Rate", "Band"]);
    localStorage.setItem("miner-ctrl.table.test", JSON.stringify({ shown: ["name", "band"], sort: { column: "name", descending: false } }));
    expect(shownAt(700)).toEqual(["Name", "Band"]);
  });

  it("shows names as text", () => {
    show(RIGS);
    expect(document.body.textContent).toContain(HOSTILE);
    expect(document.querySelector("img")).toBeNull();
  });

  it("is sorted by a header, the other way with the second click, and remembers it", () => {
    show(RIGS);
    const rate = all("[role=columnheader] button")[1] as HTMLElement;
    click(rate);
    expect(all("[role=columnheader]").map((header) => header.getAttribute("aria-sort"))).toEqual([null, "none", "descending"]);
    expect(lines()[0]?.textContent).toContain("rig-0");
    click(rate);
    expect(lines()[0]?.textContent).toContain("rig-9999");
    expect(JSON.parse(localStorage.getItem("miner-ctrl.table.test") ?? "")).toMatchObject({ sort: { column: "rate", descending: false } });
  });

  it("draws what is seen in another order with the next frame and the rest with the one after; a box chooses the row beside it", () => {
    const frame = heldFrames();
    show(RIGS.slice(0, 30)); // 10 of them are seen
    while (frame());
    const names = () => lines().map((line) => line.querySelector("[role=gridcell] bdi")?.textContent);
    const byRate = all("[role=columnheader] button")[1] as HTMLElement;
    click(byRate);
    while (frame());
    const [before, seen] = [names(), 11];
    click(byRate); // the other way round
    const rate = names();
    expect(rate.slice(0, seen)).toEqual(Array.from({ length: seen }, (_, at) => `rig-${29 - at}`));
    expect(rate.slice(seen)).toEqual(before.slice(seen));
    const [late, box] = [rate[20], lines()[20]?.querySelector("input")];
    expect(late).toBe("rig-20");
    click(box as HTMLElement);
    const checked = () => [...new Set(all("input[type=checkbox]:checked").map((each) => each.getAttribute("aria-label")))];
    expect(checked(), "where it stands now, and where it stood").toEqual([`Select ${late}`]);
    frame();
    expect(names(), "the frame that answers").toEqual(rate);
    while (frame());
    expect(names()).toEqual(names().map((_, at) => `rig-${29 - at}`));
    expect([checked(), selected()]).toEqual([[`Select ${late}`], "1 selected"]);
  });

  it("begins at the top in another order, and where something else is typed", () => {
    const frame = heldFrames();
    show(RIGS);
    while (frame());
    const box = one(".box");
    for (const act of [() => click(all("[role=columnheader] button")[1] as HTMLElement), () => type("rig"), () => type("")]) {
      box.scrollTop = 4000;
      box.dispatchEvent(new Event("scroll"));
      flushSync();
      while (frame());
      expect(lines().some((line) => line.getAttribute("aria-rowindex") === "2")).toBe(false);
      act();
      expect(box.scrollTop).toBe(0);
      expect(lines().some((line) => line.getAttribute("aria-rowindex") === "2")).toBe(true);
    }
  });

  it("makes a few rows with each frame, the first at once, and none is missing in the end", () => {
    const frame = heldFrames();
    show(RIGS);
    const grown = (): number[] => {
      const counts = [lines().length];
      while (frame()) counts.push(lines().length);
      return counts;
    };
    const first = grown();
    expect(first[0]).toBe(MADE_AT_ONCE);
    expect(first.at(-1)).toBeGreaterThan(2 * MADE_AT_ONCE);
    type("rig-7777");
    expect(lines().length).toBe(1);
    type("");
    for (const counts of [first, grown()]) {
      counts.forEach((count, at) => expect(count - (counts[at - 1] ?? 0), counts.join()).toBeLessThanOrEqual(MADE_AT_ONCE));
      expect(counts.at(-1)).toBe(first.at(-1));
    }
    expect(lines().map((line) => line.getAttribute("aria-rowindex"))).toEqual(lines().map((_, at) => String(at + 2)));
  });

  it("is filtered by typing, and says so where nothing matches", () => {
    const frame = heldFrames();
    show(RIGS);
    type("rig-777");
    while (frame());
    expect(lines().length).toBe(11);
    expect(one(".counted").textContent).toBe("11 of 10,000 rigs");
    type("no such rig");
    expect(document.body.textContent).toContain("Nothing matches");
  });

  it("selects one, a range with Shift, all that are found, and tells what is done to them", () => {
    show(RIGS);
    const boxes = () => all("[role=rowgroup] input");
    expect(selected()).toBe("none");
    click(boxes()[1] as HTMLElement);
    click(boxes()[4] as HTMLElement, { shiftKey: true });
    expect(selected()).toBe("4 selected");
    click(one("[role=columnheader] input"));
    expect(selected()).toBe("10,000 selected");
    click(one("[role=columnheader] input"));
    expect(selected()).toBe("none");
  });

  it("is moved in, selected in and opened with keys", () => {
    show(RIGS);
    press("ArrowDown");
    press("ArrowDown");
    const active = document.getElementById(one("[role=grid]").getAttribute("aria-activedescendant") ?? "");
    expect(active?.getAttribute("aria-rowindex")).toBe("3");
    press(" ");
    expect(selected()).toBe("1 selected");
    press("ArrowDown", { shiftKey: true });
    expect(selected()).toBe("2 selected");
    press("Home");
    press("Enter");
    expect(opened).toHaveLength(1);
    press("Escape");
    expect(selected()).toBe("none");
  });

  it("is a list of cards where there is no room", () => {
    show(RIGS, 390);
    expect(all("[role=columnheader]")).toHaveLength(0);
    expect(lines()[0]?.querySelector(".title")).not.toBeNull();
    expect(one("select.sort")).not.toBeNull();
  });

  it("says that nothing is there, and before that nothing", () => {
    show(undefined);
    expect(document.body.textContent).not.toContain("Nothing here");
    void unmount(component);
    document.body.textContent = "";
    show([]);
    expect(document.body.textContent).toContain("Nothing here");
  });
});
