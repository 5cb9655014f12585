// Waiting for what happens elsewhere, with a generous end.

/** For what takes moments on an idle machine. */
export const SOON_MS = 60_000;

/** What no waiting mends. */
export class Fatal extends Error {}

/** Return what `look` finds once it is something; its errors count as nothing yet, and the last one is told. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  withinMs: number = SOON_MS,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last = "";
  for (;;) {
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      last = "";
    } catch (error) {
      if (error instanceof Fatal) throw error;
      last = error instanceof Error ? `: ${error.message}` : `: ${String(error)}`;
    }
    if (Date.now() > deadline) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}${last}`);
    await sleep(50);
  }
}

/** Resolve after a while. */
export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
