/** Keys, pinches and the wheel on a chart. Dragging with the mouse is uPlot's. */

import { type Window, within, zoomed } from "./data";

/** What can be asked of a chart. */
export interface Act {
  view(): Window;
  whole(): Window;
  /** The shortest window that can be shown (ms). */
  least(): number;
  zoom(window: Window | null): void;
  /** The bucket whose values are shown, and how many there are. */
  at(): number;
  count(): number;
  /** What stays where it is when it is zoomed by a key (ms). */
  middle(): number;
  point(at: number | null): void;
}

export const ZOOM = 0.5;

export function zoomBy(act: Act, factor: number, middle = act.middle()): void {
  const [view, whole] = [act.view(), act.whole()];
  const window = zoomed(view, factor, Math.min(Math.max(middle, view.from), view.to), act.least(), whole);
  act.zoom(window.to - window.from >= whole.to - whole.from ? null : window);
}

/** Move the window by a part of its length. */
export function pan(act: Act, part: number): void {
  const [view, whole] = [act.view(), act.whole()];
  if (view.to - view.from >= whole.to - whole.from) return;
  const by = part * (view.to - view.from);
  act.zoom(within({ from: view.from + by, to: view.to + by }, whole));
}

const PAGE = 10;

export function keyed(event: KeyboardEvent, act: Act): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const last = act.count() - 1;
  const to: Record<string, () => void> = {
    ArrowRight: () => (event.shiftKey ? pan(act, 0.25) : step(act, 1)),
    ArrowLeft: () => (event.shiftKey ? pan(act, -0.25) : step(act, -1)),
    ArrowUp: () => step(act, 1),
    ArrowDown: () => step(act, -1),
    PageUp: () => step(act, PAGE),
    PageDown: () => step(act, -PAGE),
    Home: () => act.point(Math.min(0, last)),
    End: () => act.point(last),
    "+": () => zoomBy(act, ZOOM),
    "=": () => zoomBy(act, ZOOM),
    "-": () => zoomBy(act, 1 / ZOOM),
    "0": () => act.zoom(null),
    Escape: () => act.point(null),
  };
  const deed = to[event.key];
  if (!deed) return;
  event.preventDefault();
  event.stopPropagation();
  deed();
}

function step(act: Act, by: number): void {
  if (!act.count()) return;
  act.point(Math.min(Math.max(act.at() + by, 0), act.count() - 1));
}

/** Two fingers zoom, one finger reads values, the wheel zooms with Ctrl (as touchpads say a pinch). */
export function gestures(element: HTMLElement, act: Act, bucket: (x: number) => number): () => void {
  const fingers = new Map<number, number>();
  let start: { view: Window; gap: number } | undefined;
  const x = (event: { clientX: number }) => event.clientX - element.getBoundingClientRect().left;

  function down(event: PointerEvent): void {
    if (event.pointerType !== "touch") return;
    fingers.set(event.pointerId, x(event));
    if (fingers.size === 2) start = { view: act.view(), gap: gap() };
    else act.point(bucket(x(event)));
  }
  function move(event: PointerEvent): void {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, x(event));
    if (!start) {
      act.point(bucket(x(event)));
      return;
    }
    const { view } = start;
    const window = zoomed(view, start.gap / Math.max(1, gap()), (view.from + view.to) / 2, act.least(), act.whole());
    act.zoom(window.to - window.from >= act.whole().to - act.whole().from ? null : window);
  }
  function up(event: PointerEvent): void {
    fingers.delete(event.pointerId);
    if (fingers.size < 2) start = undefined;
  }
  function gap(): number {
    const [one = 0, other = 0] = fingers.values();
    return Math.max(1, Math.abs(one - other));
  }
  function wheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const { from, to } = act.view();
    zoomBy(act, Math.exp(event.deltaY / 100), from + (x(event) / Math.max(1, element.clientWidth)) * (to - from));
  }
  element.addEventListener("pointerdown", down);
  element.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel", "pointerleave"] as const) element.addEventListener(end, up);
  element.addEventListener("wheel", wheel, { passive: false });
  return () => {
    element.removeEventListener("pointerdown", down);
    element.removeEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel", "pointerleave"] as const) element.removeEventListener(end, up);
    element.removeEventListener("wheel", wheel);
  };
}
