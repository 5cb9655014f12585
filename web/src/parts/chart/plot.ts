/** uPlot as this page uses it: what it looks like, and how a chart's data become its own. */

import uPlot from "uplot";
import type { ChartEvent, Drawn, Window } from "./data";
import { axisText, axisTimes } from "./units";

/** How lines are told apart without colour. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [11, 3, 2, 3], [5, 2], [1, 4]];

export interface Around {
  events: readonly ChartEvent[];
  offline: readonly { sinceMs: number; untilMs: number }[];
}

/** Colours of the theme, read when it changes: a canvas knows no variables. */
export class Palette {
  line: string[] = [];
  text = "";
  grid = "";
  offline = "";
  event = "";
  bad = "";
  font = "";

  constructor(private readonly of: Element) {
    this.read();
  }

  read(): void {
    const style = getComputedStyle(this.of);
    const value = (name: string) => style.getPropertyValue(name).trim();
    this.line = DASHES.map((_, at) => value(`--series-${at + 1}`));
    this.text = value("--text-muted");
    this.grid = value("--line");
    this.offline = value("--offline-soft");
    this.event = value("--line-strong");
    this.bad = value("--trouble");
    this.font = `12px ${style.fontFamily}`;
  }

  lineOf(at: number): string {
    return this.line[at % this.line.length] ?? this.text;
  }
}

export interface PlotEvents {
  /** A part was marked by dragging. */
  selected(window: Window): void;
  /** The cursor is at this bucket now; `null`: nowhere. */
  pointed(at: number | null): void;
}

export interface PlotOptions {
  width: number;
  height: number;
  /** The vertical axis begins at nought. */
  zero: boolean;
}

const Y_AXIS = 46;

export const INSET = { left: Y_AXIS, right: 20 } as const;

/** A uPlot over `host`. `around` is asked whenever it is drawn. */
export function plot(host: HTMLElement, of: Drawn, palette: Palette, around: () => Around, heard: PlotEvents, options: PlotOptions): uPlot {
  const axis = { stroke: () => palette.text, font: palette.font, grid: { stroke: () => palette.grid, width: 1 }, ticks: { show: false } };
  return new uPlot(
    {
      width: options.width,
      height: options.height,
      ms: 1,
      padding: [8, INSET.right, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false, dist: 5 },
      },
      select: { show: true, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: true, auto: false, range: (_, min, max) => [min, max] },
        y: { range: (_, min, max) => rangeOf(min, max, options.zero) },
      },
      axes: [
        { ...axis, size: 28, space: 64, values: (_, splits, __, ___, step) => axisTimes(splits, step) },
        { ...axis, size: Y_AXIS, gap: 4, space: 34, values: (_, splits) => splits.map(axisText) },
      ],
      series: [{}, ...of.lines.map((line, at) => seriesOf(line.name, at, palette))],
      hooks: {
        drawClear: [(u) => shade(u, around().offline, palette)],
        draw: [(u) => tick(u, around().events, palette)],
        setCursor: [(u) => heard.pointed(u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)],
        setSelect: [
          (u) => {
            if (u.select.width < 5) return;
            heard.selected({ from: u.posToVal(u.select.left, "x"), to: u.posToVal(u.select.left + u.select.width, "x") });
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    aligned(of),
    host,
  );
}

/** Data as uPlot takes them. */
export function aligned(of: Drawn): uPlot.AlignedData {
  return [of.times as number[], ...of.lines.map((line) => line.values as (number | null)[])];
}

function seriesOf(label: string, at: number, palette: Palette): uPlot.Series {
  return {
    label,
    stroke: () => palette.lineOf(at),
    width: at % DASHES.length === 5 ? 2.5 : 1.75,
    dash: [...(DASHES[at % DASHES.length] ?? [])],
    spanGaps: false,
    points: { show: true, size: 4, filter: alone },
  };
}

/** Points between gaps, which no line would show. */
function alone(u: uPlot, series: number, _: boolean): number[] {
  const values = u.data[series] ?? [];
  const found: number[] = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

function rangeOf(min: number | null, max: number | null, zero: boolean): [number, number] {
  if (min === null || max === null) return [0, 1];
  if (zero) return [0, max > 0 ? max * 1.08 : 1];
  const room = Math.max((max - min) * 0.1, Math.abs(max) * 0.02, 0.5);
  return [min - room, max + room];
}

function shade(u: uPlot, offline: Around["offline"], palette: Palette): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { sinceMs, untilMs } of offline) {
    const left = u.valToPos(sinceMs, "x", true);
    const width = Math.max(1, u.valToPos(untilMs, "x", true) - left);
    if (left > bbox.left + bbox.width || left + width < bbox.left) continue;
    ctx.fillStyle = palette.offline;
    ctx.globalAlpha = 0.55;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    // lines across it: it is told from the ground without its tint
    ctx.globalAlpha = 1;
    ctx.strokeStyle = palette.offline;
    ctx.lineWidth = devicePixelRatio;
    const [from, to] = [Math.max(left, bbox.left), Math.min(left + width, bbox.left + bbox.width)];
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, bbox.top, to - from, bbox.height);
    ctx.clip();
    ctx.beginPath();
    const gap = 9 * devicePixelRatio;
    for (let x = from - bbox.height - ((from - bbox.height) % gap); x < to; x += gap) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

const MOST_TICKS = 400;

function tick(u: uPlot, events: readonly ChartEvent[], palette: Palette): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  const [from, to] = [u.scales["x"]?.min ?? 0, u.scales["x"]?.max ?? 0];
  const seen = events.filter((event) => event.atMs >= from && event.atMs < to).slice(-MOST_TICKS);
  for (const event of seen) {
    const x = Math.round(u.valToPos(event.atMs, "x", true));
    ctx.strokeStyle = event.bad ? palette.bad : palette.event;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
