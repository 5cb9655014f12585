/** Which events the filters let through, and what the address has of them. Pure. */

import type { HistoryEvent } from "../../live/live.svelte";

export interface Wanted {
  kinds: readonly string[];
  peer: string;
  q: string;
}

/** Whether an event that came meanwhile would be in the list. As the node decides; a peer also by the beginning of its ID. */
export function lets(event: Pick<HistoryEvent, "kind" | "peerId" | "peerName" | "text">, wanted: Wanted): boolean {
  if (wanted.kinds.length && !wanted.kinds.includes(event.kind)) return false;
  if (wanted.peer && event.peerName !== wanted.peer && !event.peerId.startsWith(wanted.peer)) return false;
  return event.text.toLowerCase().includes(wanted.q.toLowerCase());
}

/** `kind=online,offline` as a list. */
export function kindsOf(value: string | null): string[] {
  return (value ?? "").split(",").filter(Boolean);
}

/** A job that an event names: `Stop on 3 rigs: job 4b16… is done`. */
export function jobOf(event: Pick<HistoryEvent, "kind" | "text">): string | undefined {
  return event.kind === "job" ? /\bjob ([0-9a-f]{8,64})\b/.exec(event.text)?.[1] : undefined;
}
