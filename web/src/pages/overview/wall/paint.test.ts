// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { layoutOf, placeOf } from "./layout";
import { type Colours, DRAWN_AT_ONCE, Painter } from "./paint";

const COLOURS: Colours = {
  mining: ["a", "b", "c", "d", "e"], paused: "p", pausedSoft: "p", idle: "i", idleSoft: "i", trouble: "t", offline: "o", offlineSoft: "o", warning: "w", surface: "s",
};
const CELLS = 2 * DRAWN_AT_ONCE + 700;
const [MINING, OFFLINE] = [0, 60];

/** What stands where: the picture that was drawn last there. */
let shown: Map<string, unknown>;
let draws: number;
let frames: FrameRequestCallback[];
const frame = (): number => {
  draws = 0;
  for (const work of frames.splice(0)) work(0);
  return draws;
};

beforeEach(() => {
  [shown, draws, frames] = [new Map(), 0, []];
  vi.stubGlobal("requestAnimationFrame", (work: FrameRequestCallback) => frames.push(work));
  vi.stubGlobal("cancelAnimationFrame", () => {});
  const pen = new Proxy({} as Record<string, unknown>, {
    get: (_, name) =>
      name === "drawImage"
        ? (picture: unknown, x: number, y: number) => {
            draws += 1;
            shown.set(`${x} ${y}`, picture);
          }
        : () => {},
    set: () => true,
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(pen as never);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("the painter", () => {
  const layout = layoutOf([CELLS], false, 800, 600);
  const at = (cell: number) => {
    const { x, y } = placeOf(layout, cell);
    return shown.get(`${x} ${y}`);
  };

  it("draws a part of many cells with each frame, each cell once, and none is left out", () => {
    const painter = new Painter(document.createElement("canvas"), layout, COLOURS, 1);
    painter.draw(new Uint16Array(CELLS).keys(), new Uint16Array(CELLS));
    const parts = [draws];
    while (frames.length) parts.push(frame());
    expect(parts).toEqual([DRAWN_AT_ONCE, DRAWN_AT_ONCE, 700]);
    expect(shown.size).toBe(CELLS);
  });

  it("draws what changes meanwhile as it is then, before or behind the place where it is", () => {
    const looks = new Uint16Array(CELLS).fill(MINING);
    const painter = new Painter(document.createElement("canvas"), layout, COLOURS, 1);
    painter.draw(looks.keys(), looks);
    for (const cell of [3, CELLS - 1]) looks[cell] = OFFLINE;
    painter.draw([3, CELLS - 1], looks);
    while (frames.length) expect(frame()).toBeLessThanOrEqual(DRAWN_AT_ONCE);
    expect(shown.size).toBe(CELLS);
    expect(at(3)).toBe(at(CELLS - 1));
    expect(at(3)).not.toBe(at(4));
  });

  it("draws nothing any more once it has ended", () => {
    const painter = new Painter(document.createElement("canvas"), layout, COLOURS, 1);
    painter.draw(new Uint16Array(CELLS).keys(), new Uint16Array(CELLS));
    painter.end();
    expect(frame()).toBe(0);
  });
});
