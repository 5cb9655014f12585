// What a page costs before it is of use: requests, bytes, and the time until there is something to read.
import type { Page } from "playwright-core";

export interface Weight {
  /** Files of the page itself that it was of no use without. */
  needed: { requests: number; raw: number; sent: number };
  /** All that it loads of itself; the other pages too, once it is idle. */
  files: { requests: number; raw: number; sent: number };
  /** What the API answered. */
  data: { requests: number; raw: number; sent: number };
  firstPaintMs: number;
  usefulPaintMs: number;
}

/** Open `address` with an empty cache; `useful` is what stands there once there is something to read. */
export async function weighed(page: Page, address: string, useful: string): Promise<Weight> {
  const debugging = await page.context().newCDPSession(page);
  const loads = new Map<string, { url: string; atS: number; raw: number; sent: number }>();
  debugging.on("Network.requestWillBeSent", ({ requestId, request, timestamp }) => {
    loads.set(requestId, { url: request.url, atS: timestamp, raw: 0, sent: 0 });
  });
  debugging.on("Network.dataReceived", ({ requestId, dataLength, encodedDataLength }) => {
    const load = loads.get(requestId);
    if (load === undefined) return;
    load.raw += dataLength;
    load.sent += encodedDataLength; // as it is sent, without the headers
  });
  await debugging.send("Network.enable");
  await page.addInitScript(noteUsefulPaint, useful);
  await page.goto(address);
  await page.waitForFunction(() => window.usefulPaintMs !== undefined);
  await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => undefined); // it may ask again and again
  const times = await page.evaluate(() => ({
    first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
    useful: window.usefulPaintMs ?? 0,
  }));
  await debugging.detach();
  const all = [...loads.values()].filter((load) => load.url.startsWith("http"));
  const isData = (load: { url: string }) => new URL(load.url).pathname.startsWith("/api/");
  const files = all.filter((load) => !isData(load));
  const beganS = Math.min(...files.map((load) => load.atS));
  return {
    needed: sum(files.filter((load) => (load.atS - beganS) * 1000 <= times.useful)),
    files: sum(files),
    data: sum(all.filter(isData)),
    firstPaintMs: times.first,
    usefulPaintMs: times.useful,
  };
}

declare global {
  interface Window {
    usefulPaintMs?: number;
  }
}

/** In the page: note when what `useful` selects has been painted first. */
function noteUsefulPaint(useful: string): void {
  const watching = new MutationObserver(look);
  watching.observe(document, { childList: true, subtree: true, attributes: true });
  let inFrame = false; // between the beginning of a frame and its end, what comes is painted with it
  let found = false;
  const afterFrame = new MessageChannel(); // a message that is sent within a frame comes after it
  afterFrame.port1.onmessage = () => {
    inFrame = false;
    if (found) window.usefulPaintMs ??= performance.now();
  };
  requestAnimationFrame(function frame(): void {
    inFrame = true;
    afterFrame.port2.postMessage(0);
    if (!found) requestAnimationFrame(frame);
  });
  function look(): void {
    if (document.querySelector(useful) === null) return;
    watching.disconnect();
    if (inFrame) found = true;
    else requestAnimationFrame(() => (found = true));
  }
}

function sum(loads: { raw: number; sent: number }[]): { requests: number; raw: number; sent: number } {
  const total = { requests: loads.length, raw: 0, sent: 0 };
  for (const load of loads) {
    total.raw += load.raw;
    total.sent += load.sent;
  }
  return total;
}
