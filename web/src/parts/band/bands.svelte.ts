/** Bands of the rigs that are looked at: asked for together, a hundred at once, and again each minute. */

import { answerOf, api, type Schemas } from "../../api/requests";
import { type ApiFailure, failureOf } from "../../api/failure";
import { nextFrame } from "../../frames";
import type { RigBand } from "./band";

/** What is known of one rig's last 24 hours. */
export class Held {
  band = $state.raw<RigBand | undefined>(undefined);
  failure = $state.raw<ApiFailure | undefined>(undefined);
  /** How many components show it. */
  shown = 0;
  askedAtMs = 0;
}

type Ask = (ids: string[]) => Promise<Schemas["BandsView"]>;

const AT_ONCE = 100;
/** What is shown for so long is asked for: what is scrolled past is not. */
const GATHER_MS = 80;
/** And this long after the first at the latest. */
const WAITS_MS = 500;
const FRESH_MS = 60_000;
/** When what failed is asked again. */
const AGAIN_MS = 10_000;
const LOOK_EVERY_MS = 5_000;
/** How many are drawn in one frame. */
export const DRAWN_AT_ONCE = 6;
/** Bands of rigs that are not shown any more, for who scrolls back. */
const KEPT = 400;
export const POINTS = 96;

function asked(ids: string[]): Promise<Schemas["BandsView"]> {
  return answerOf(api.GET("/history/bands", { params: { query: { peers: ids.join(","), points: POINTS } } }));
}

export class Bands {
  #held = new Map<string, Held>();
  #shown = 0;
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #gatheringSinceMs = 0;
  #looking: ReturnType<typeof setInterval> | undefined;
  #running = false;

  constructor(private readonly ask: Ask = asked) {}

  /** What is known of a rig: read it in a component; call `show` while that is on the page. */
  of(id: string): Held {
    let held = this.#held.get(id);
    if (!held) this.#held.set(id, (held = new Held()));
    return held;
  }

  /** Have a rig's band loaded and kept fresh until the returned function is called. */
  show(id: string): () => void {
    const held = this.of(id);
    held.shown += 1;
    this.#shown += 1;
    this.#soon();
    this.#looking ??= setInterval(() => this.#soon(), LOOK_EVERY_MS);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      held.shown -= 1;
      this.#shown -= 1;
      if (!this.#shown) {
        clearInterval(this.#looking);
        this.#looking = undefined;
      }
    };
  }

  #soon(): void {
    const now = Date.now();
    if (this.#gathering === undefined) this.#gatheringSinceMs = now;
    clearTimeout(this.#gathering);
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.#forget(); // only now: what a scroll brings is made before it is shown
      void this.#load();
    }, Math.max(0, Math.min(GATHER_MS, this.#gatheringSinceMs + WAITS_MS - now)));
  }

  /** Ask for what is shown and old, a request after the other: what is scrolled past meanwhile is not asked for. */
  async #load(): Promise<void> {
    if (this.#running || document.hidden) return;
    this.#running = true;
    try {
      for (let due = this.#due(); due.length; due = this.#due()) await this.#answer(due);
    } finally {
      this.#running = false;
    }
  }

  #due(): string[] {
    const before = Date.now() - FRESH_MS;
    const due: string[] = [];
    for (const [id, held] of this.#held) {
      if (held.shown && held.askedAtMs <= before) due.push(id);
      if (due.length === AT_ONCE) break;
    }
    return due;
  }

  async #answer(ids: string[]): Promise<void> {
    for (const id of ids) this.of(id).askedAtMs = Date.now();
    try {
      const { startMs, stepMs, bands } = await this.ask(ids);
      const found = new Map(bands.map((band) => [band.peerId, band]));
      for (const [at, id] of ids.entries()) {
        if (at && at % DRAWN_AT_ONCE === 0) await new Promise<void>((go) => nextFrame(go));
        const held = this.of(id);
        const band = found.get(id);
        held.failure = undefined;
        held.band = band
          ? { startMs, stepMs, states: band.states, hashrate: band.hashrate, events: band.events, earlierEvents: band.earlierEvents }
          : undefined;
      }
    } catch (thrown) {
      const failure = failureOf(thrown);
      for (const id of ids) {
        const held = this.of(id);
        held.failure = failure; // what was known stays
        held.askedAtMs = Date.now() - FRESH_MS + AGAIN_MS;
      }
    }
  }

  #forget(): void {
    if (this.#held.size - this.#shown <= KEPT) return;
    for (const [id, held] of this.#held) if (!held.shown) this.#held.delete(id);
  }
}

export const bands = new Bands();
