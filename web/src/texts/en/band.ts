import { count, word } from "./common";

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
  more: (n: number) => `and ${count(n, "more event")}`,
  earlier: "Earlier events are not marked.",
  loading: "The last 24 hours are being loaded.",
  failed: (why: string) => `The last 24 hours could not be loaded: ${why}`,
  none: "Nothing is known of the last 24 hours.",
};

const DOORS: Record<string, string> = { loopback: "this machine", owner: "this machine" };

/** Who asked, as the API names doors: `login ann`, `token grafana`, `loopback`, a node's ID, or nobody. */
export function askedBy(by: string): string {
  if (!by) return "nobody";
  const [door = "", ...name] = by.split(" ");
  if (door === "login" && name.length) return name.join(" ");
  if (door === "token" && name.length) return `token ${name.join(" ")}`;
  return word(DOORS, by);
}

/** Events of the history in words. */
export const happened = {
  by: (name: string) => `by ${name}`,
  thisNode: "this node",
  /** Doors of a rig, as that names them: whoever sits at it. */
  rigDoors: new Map([
    ["owner", "its own machine"],
    ["loopback", "its own machine"],
  ]),
  /** Kinds whose text is a whole sentence. */
  sentences: new Set(["command", "controller", "deploy", "job", "pairing", "settings", "lock"]),
  kinds: new Map([
    ["watchdog", "restarted by the watchdog"],
    ["gave_up", "given up by the watchdog"],
    ["flapping", "comes and goes"],
  ]),
};
