/** Draws cells of the wall. Each look is drawn once, small, and copied from there; of many cells a part is drawn with each frame. */

import { nextFrame } from "../../../frames";
import { type Layout, placeOf, sameLayout } from "./layout";
import { LEVELS, partsOf } from "./look";

/** The theme's colours, as the page has them at a moment. */
export interface Colours {
  mining: readonly string[];
  paused: string;
  pausedSoft: string;
  idle: string;
  idleSoft: string;
  trouble: string;
  offline: string;
  offlineSoft: string;
  warning: string;
  surface: string;
}

const PALEST = 10;
const FULL = 42;

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const mix = (level: number) => PALEST + ((FULL - PALEST) * level) / (LEVELS - 1);
  return {
    mining: Array.from({ length: LEVELS }, (_, level) => `color-mix(in srgb, ${of("mining")} ${mix(level)}%, ${of("surface")})`),
    paused: of("paused"),
    pausedSoft: of("paused-soft"),
    idle: of("idle"),
    idleSoft: of("idle-soft"),
    trouble: of("trouble"),
    offline: of("offline"),
    offlineSoft: of("offline-soft"),
    warning: of("warning"),
    surface: of("surface"),
  };
}

type Pen = CanvasRenderingContext2D;

/** How many cells are drawn in one go. */
export const DRAWN_AT_ONCE = 1000;

export class Painter {
  #sprites = new Map<number, HTMLCanvasElement>();
  #pen: Pen | null;
  /** Cells that do not look as they should yet. */
  #waiting = new Set<number>();
  #cancel: (() => void) | undefined;
  #looks: ArrayLike<number> = [];

  constructor(
    canvas: HTMLCanvasElement,
    private readonly layout: Layout,
    private readonly colours: Colours,
    private readonly scale: number,
    /** Who drew there before: what it drew stays, where cells of that size stand, until it is drawn over. */
    before?: Painter,
  ) {
    const kept = before?.drewSuch(layout, colours, scale) ? before : undefined;
    const picture = kept && copyOf(canvas);
    canvas.width = Math.max(1, Math.round(layout.width * scale));
    canvas.height = Math.max(1, Math.round(layout.height * scale));
    this.#pen = canvas.getContext("2d");
    if (!kept || !picture) return;
    this.#sprites = kept.#sprites;
    this.#keep(picture, kept.layout);
  }

  /** Whether it draws just there, and so. */
  fits(layout: Layout, colours: Colours, scale: number): boolean {
    return sameLayout(this.layout, layout) && this.drewSuch(layout, colours, scale);
  }

  /** Whether its cells look so, and stand in such rows. */
  drewSuch({ pitch, gap, columns }: Layout, colours: Colours, scale: number): boolean {
    const same = this.layout.pitch === pitch && this.layout.gap === gap && this.layout.columns === columns && this.scale === scale;
    return same && JSON.stringify(this.colours) === JSON.stringify(colours);
  }

  /** Each group as it was, where it stands now: when a rig joins or leaves, nothing blinks until all is drawn. */
  #keep(picture: HTMLCanvasElement, old: Layout): void {
    const { pitch, columns, blocks } = this.layout;
    const px = (length: number): number => Math.round(length * this.scale);
    for (const [at, { top, size }] of blocks.entries()) {
      const was = old.blocks[at];
      if (!was || (was.top !== top && !Number.isInteger(this.scale))) continue; // elsewhere it would be rounded otherwise
      const rows = Math.min(Math.ceil(was.size / columns), Math.ceil(size / columns));
      const [width, height] = [picture.width, px(rows * pitch)];
      if (!height) continue;
      this.#pen?.drawImage(picture, 0, px(was.top), width, height, 0, px(top), width, height);
      const [row, column] = [Math.floor(size / columns), size % columns];
      if (row < rows) this.#pen?.clearRect(px(column * pitch), px(top + row * pitch), width, px(pitch)); // who left
    }
  }

  /** Have cells drawn as they look then, in their order: some at once, and some with each frame that comes. */
  draw(cells: Iterable<number>, looks: ArrayLike<number>): void {
    this.#looks = looks;
    for (const cell of cells) this.#waiting.add(cell);
    if (!this.#cancel) this.#drawSome();
  }

  /** Draw nothing any more. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting.clear();
  }

  #drawSome(): void {
    this.#cancel = undefined;
    let left = DRAWN_AT_ONCE;
    for (const cell of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(cell);
      this.#drawOne(cell);
    }
    if (this.#waiting.size) this.#cancel = nextFrame(() => this.#drawSome());
  }

  #drawOne(cell: number): void {
    const { x, y } = placeOf(this.layout, cell);
    const [left, top] = [Math.round(x * this.scale), Math.round(y * this.scale)];
    const sprite = this.#sprite(this.#looks[cell] ?? 0);
    this.#pen?.clearRect(left, top, sprite.width, sprite.height);
    this.#pen?.drawImage(sprite, left, top);
  }

  #sprite(look: number): HTMLCanvasElement {
    let sprite = this.#sprites.get(look);
    if (sprite) return sprite;
    sprite = document.createElement("canvas");
    sprite.width = sprite.height = Math.max(1, Math.round((this.layout.pitch - this.layout.gap) * this.scale));
    const pen = sprite.getContext("2d");
    if (pen) this.#cell(pen, look, sprite.width);
    this.#sprites.set(look, sprite);
    return sprite;
  }

  /** Colour and shape: each state can be told by its shape alone. */
  #cell(pen: Pen, look: number, size: number): void {
    const { state, level, mark } = partsOf(look);
    const c = this.colours;
    const ground = { mining: c.mining[level] ?? "", paused: c.pausedSoft, idle: c.idleSoft, trouble: c.trouble, offline: c.offlineSoft }[state];
    fill(pen, ground, 0, 0, size, size);
    const inset = Math.max(1, Math.round(size * 0.2));
    const inner = size - 2 * inset;
    if (state === "paused") {
      const bar = Math.max(1, Math.round(inner * 0.3));
      fill(pen, c.paused, inset, inset, bar, inner);
      fill(pen, c.paused, size - inset - bar, inset, bar, inner);
    } else if (state === "idle") {
      pen.strokeStyle = c.idle;
      pen.lineWidth = Math.max(1, size / 10);
      pen.beginPath();
      pen.arc(size / 2, size / 2, Math.max(1, inner / 2 - pen.lineWidth / 2), 0, 2 * Math.PI);
      pen.stroke();
    } else if (state === "trouble") {
      pen.fillStyle = c.surface;
      pen.beginPath();
      pen.moveTo(size / 2, inset);
      pen.lineTo(size - inset, size - inset);
      pen.lineTo(inset, size - inset);
      pen.fill();
    } else if (state === "offline") {
      pen.strokeStyle = c.offline;
      pen.lineWidth = Math.max(1, size / 8);
      pen.beginPath();
      pen.moveTo(inset, inset);
      pen.lineTo(size - inset, size - inset);
      pen.moveTo(size - inset, inset);
      pen.lineTo(inset, size - inset);
      pen.stroke();
    }
    if (mark === "hot") {
      const corner = Math.max(3, Math.round(size * 0.45)); // a corner turned over
      pen.fillStyle = c.warning;
      pen.beginPath();
      pen.moveTo(size - corner, 0);
      pen.lineTo(size, 0);
      pen.lineTo(size, corner);
      pen.fill();
    } else if (mark === "warned") {
      const dot = Math.max(2, Math.round(size * 0.25));
      fill(pen, c.warning, size - dot - 1, 1, dot, dot);
    }
  }
}

function copyOf(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext("2d")?.drawImage(canvas, 0, 0);
  return copy;
}

function fill(pen: Pen, colour: string, x: number, y: number, width: number, height: number): void {
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
}
