// What moves by itself: the browser's own layout shifts, and data that comes as late as on a bad line.
import type { Page } from "playwright-core";
import { sleep } from "./waiting.ts";

/** One shift that no key and no click was the cause of. */
export interface Shift {
  atMs: number;
  /** As the browser counts: the part of the window that moved times how far, 0 to 1. */
  value: number;
  /** What moved, from where to where. */
  moved: string[];
}

declare global {
  interface Window {
    layoutShifts?: Shift[];
  }
}

/** Have the page note its shifts, from its first frame on. */
export async function notingShifts(page: Page): Promise<void> {
  await page.addInitScript(noteShifts);
}

/** Return the shifts since this was last asked; the frame of now is in it. */
export async function takeShifts(page: Page): Promise<Shift[]> {
  await page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
  await sleep(100); // they are told after their frame
  return page.evaluate(() => window.layoutShifts?.splice(0) ?? []);
}

/** The sum of shifts, and what moved: for who reads a failure. */
export function told(shifts: readonly Shift[]): { sum: number; moved: string[] } {
  const sum = shifts.reduce((all, shift) => all + shift.value, 0);
  const moved = shifts.filter((shift) => shift.value > 0.0005).map((shift) => `${shift.value.toFixed(4)} at ${Math.round(shift.atMs)} ms: ${shift.moved.join("; ")}`);
  return { sum, moved };
}

/** How long what the node says is held back. */
export interface Late {
  answersMs: number;
  feedMs: number;
}

/** Hold back the answers of the API, each a little longer than the one before, and the messages of the feed. */
export async function late(page: Page, { answersMs, feedMs }: Late): Promise<void> {
  let asked = 0;
  await page.route("**/api/v1/mining/**", async (route) => {
    await sleep(answersMs + 40 * asked++);
    await route.continue().catch(() => undefined); // the page was left meanwhile
  });
  await page.routeWebSocket("**/api/v1/mining/ws/events", (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => setTimeout(() => socket.send(message), feedMs)); // timers of one length keep their order
  });
}

/** In the page: note what the browser says of shifts. */
function noteShifts(): void {
  interface Entry extends PerformanceEntry {
    value: number;
    hadRecentInput: boolean;
    sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
  }
  const noted: Shift[] = (window.layoutShifts = []);
  const called = (node: Node | null): string => {
    const at = node instanceof Element ? node : node?.parentElement;
    if (!at) return "something that is gone";
    const names = [...at.classList].filter((each) => !each.startsWith("svelte-")).map((each) => `.${each}`).join("");
    return `<${at.tagName.toLowerCase()}${names}> ${JSON.stringify((at.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40))}`;
  };
  const inLog = (node: Node | null): boolean => (node instanceof Element ? node : node?.parentElement)?.closest("[role=log]") != null;
  const place = (rect: DOMRectReadOnly): string => [rect.x, rect.y, rect.width, rect.height].map((each) => Math.round(each)).join(" ");
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as Entry[]) {
      if (entry.hadRecentInput) continue;
      // a log that is followed moves on: that is what it is for
      if (entry.sources.length > 0 && entry.sources.every((each) => inLog(each.node))) continue;
      const moved = entry.sources.map((each) => `${called(each.node)} ${place(each.previousRect)} → ${place(each.currentRect)}`);
      noted.push({ atMs: entry.startTime, value: entry.value, moved });
    }
  }).observe({ type: "layout-shift", buffered: true });
}
