// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Layout, layoutOf, placeOf } from "./layout";
import { type Colours, DRAWN_AT_ONCE, Painter } from "./paint";

const COLOURS: Colours = {
  mining: ["a", "b", "c", "d", "e"], paused: "p", pausedSoft: "p", idle: "i", idleSoft: "i", trouble: "t", offline: "o", offlineSoft: "o", warning: "w", surface: "s",
};

/** A canvas that knows what stands where; like a real one it is empty once it gets a size. */
class Paper {
  marks = new Map<string, unknown>();
  #kept(keep: (x: number, y: number) => boolean): [number, number, unknown][] {
    return [...this.marks].flatMap(([at, mark]) => {
      const [x = 0, y = 0] = at.split(" ").map(Number);
      return keep(x, y) ? [[x, y, mark] as [number, number, unknown]] : [];
    });
  }
  drawImage(picture: HTMLCanvasElement, ...to: number[]): void {
    const from = papers.get(picture);
    const [left = 0, top = 0, width = 1e9, height = 1e9, x = 0, y = 0] = to.length === 8 ? to : from?.marks.size ? [0, 0] : [];
    if (!from?.marks.size) this.marks.set(`${left || to[0]} ${top || to[1]}`, picture);
    else for (const [atX, atY, mark] of from.#kept((a, b) => a >= left && a < left + width && b >= top && b < top + height)) this.marks.set(`${atX - left + x} ${atY - top + y}`, mark);
  }
  clearRect(left: number, top: number, width: number, height: number): void {
    for (const [x, y] of this.#kept((a, b) => a >= left && a < left + width && b >= top && b < top + height)) this.marks.delete(`${x} ${y}`);
  }
  fillRect(): void {}
  beginPath(): void {}
  arc(): void {}
  stroke(): void {}
  moveTo(): void {}
  lineTo(): void {}
  fill(): void {}
}
let papers: Map<HTMLCanvasElement, Paper>;
let canvas: HTMLCanvasElement;
let frames: FrameRequestCallback[];

beforeEach(() => {
  [papers, frames] = [new Map(), []];
  vi.stubGlobal("requestAnimationFrame", (work: FrameRequestCallback) => frames.push(work));
  vi.stubGlobal("cancelAnimationFrame", () => (frames = []));
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    if (!papers.has(this)) papers.set(this, new Paper());
    return papers.get(this) as never;
  });
  canvas = document.createElement("canvas");
  const { prototype } = HTMLCanvasElement;
  const real = Object.getOwnPropertyDescriptor(prototype, "width") as PropertyDescriptor;
  Object.defineProperty(canvas, "width", {
    get: () => real.get?.call(canvas) as number,
    set: (width: number) => {
      real.set?.call(canvas, width);
      papers.get(canvas)?.marks.clear();
    },
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
const drawn = (layout: Layout): boolean[] => Array.from({ length: layout.cells }, (_, cell) => Boolean(papers.get(canvas)?.marks.has(`${placeOf(layout, cell).x} ${placeOf(layout, cell).y}`)));
function painted(layout: Layout, before?: Painter, scale = 1, colours = COLOURS): Painter {
  const painter = new Painter(canvas, layout, colours, scale, before);
  return painter;
}
function whole(layout: Layout): Painter {
  const painter = painted(layout);
  painter.draw(new Uint16Array(layout.cells).keys(), new Uint16Array(layout.cells));
  while (frames.length) for (const work of frames.splice(0)) work(0);
  return painter;
}
const CELLS = 2 * DRAWN_AT_ONCE + 700;

describe("a wall to which rigs come and from which they go", () => {
  it("shows all that it showed before anything is drawn anew, and nothing of who left", () => {
    const first = whole(layoutOf([CELLS], false, 800, 600));
    const more = layoutOf([CELLS + 1], false, 800, 600);
    const second = painted(more, first);
    expect(drawn(more).lastIndexOf(false)).toBe(CELLS);
    expect(drawn(more).filter(Boolean)).toHaveLength(CELLS);
    const fewer = layoutOf([CELLS - 90], false, 800, 600);
    painted(fewer, second);
    expect([drawn(fewer).every(Boolean), papers.get(canvas)?.marks.size]).toEqual([true, CELLS - 90]);
  });

  it("moves groups with their picture", () => {
    const sizes = (of: number): Layout => layoutOf([of, 40, 30], true, 800, 600);
    const columns = sizes(1).columns;
    const first = whole(sizes(columns));
    const moved = sizes(columns + 1);
    expect(moved.blocks[1]?.top).not.toBe(sizes(columns).blocks[1]?.top);
    painted(moved, first);
    expect(drawn(moved).map((is, at) => (is ? -1 : at)).filter((at) => at >= 0)).toEqual([columns]);
  });

  it("begins anew where cells are of another size, or of other colours", () => {
    const layout = layoutOf([50], false, 800, 600);
    painted(layout, whole(layout), 2);
    expect(papers.get(canvas)?.marks.size).toBe(0);
    painted(layout, whole(layout), 1, { ...COLOURS, idle: "x" });
    expect(papers.get(canvas)?.marks.size).toBe(0);
  });
});
