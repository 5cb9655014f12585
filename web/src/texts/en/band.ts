import { count } from "./common";

/** What a band's letter means: lower case, within a sentence. */
const states = {
  m: "mining",
  p: "paused",
  i: "idle",
  t: "in trouble",
  o: "offline",
  "-": "nothing known",
} as const;

export const band = {
  states,
  name: (rig: string) => `The last 24 hours of ${rig}`,
  /** `parts` are like "mining 20 h". */
  summary: (parts: string[], events: number) =>
    `${parts.length ? parts.join(", ") : "nothing known"}; ${events ? count(events, "event") : "no events"}.`,
  lasted: (state: string, span: string) => `${state} ${span}`,
  at: (from: string, until: string) => `${from} to ${until}`,
  rate: (algorithm: string, rate: string) => (algorithm ? `${rate} ${algorithm}` : rate),
  by: (who: string) => `by ${who}`,
  of: (miner: string) => `${miner}:`,
  more: (n: number) => `and ${count(n, "more event")}`,
  earlier: "Earlier events are not marked.",
  loading: "The last 24 hours are being loaded.",
  failed: (why: string) => `The last 24 hours could not be loaded: ${why}`,
  none: "Nothing is known of the last 24 hours.",
};
