/** Draws cells of the wall. Each look is drawn once, small, and copied from there. */

import { type Layout, placeOf } from "./layout";
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

export class Painter {
  #sprites = new Map<number, HTMLCanvasElement>();
  #pen: Pen | null;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly layout: Layout,
    private readonly colours: Colours,
    private readonly scale: number,
  ) {
    canvas.width = Math.max(1, Math.round(layout.width * scale));
    canvas.height = Math.max(1, Math.round(layout.height * scale));
    this.#pen = canvas.getContext("2d");
  }

  /** Draw cells as they look. */
  draw(cells: Iterable<number>, looks: ArrayLike<number>): void {
    const pen = this.#pen;
    if (!pen) return;
    for (const cell of cells) {
      const { x, y } = placeOf(this.layout, cell);
      const [left, top] = [Math.round(x * this.scale), Math.round(y * this.scale)];
      const sprite = this.#sprite(looks[cell] ?? 0);
      pen.clearRect(left, top, sprite.width, sprite.height);
      pen.drawImage(sprite, left, top);
    }
  }

  /** Draw every cell. */
  drawAll(looks: ArrayLike<number>): void {
    this.#pen?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const { pitch, columns, blocks } = this.layout;
    for (const { first, size, top } of blocks) {
      for (let at = 0; at < size; at++) {
        const [x, y] = [(at % columns) * pitch, top + Math.floor(at / columns) * pitch];
        this.#pen?.drawImage(this.#sprite(looks[first + at] ?? 0), Math.round(x * this.scale), Math.round(y * this.scale));
      }
    }
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

function fill(pen: Pen, colour: string, x: number, y: number, width: number, height: number): void {
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
}
