/** Events of a rig in words. */

import type { ChartEvent } from "../../parts/chart/data";
import { whoIs } from "../../parts/happened";
import { rig as t } from "../../texts";

interface Said {
  atMs: number;
  kind: string;
  miner?: string;
  by?: string;
  text?: string;
  /** This node noted it, and not the rig. */
  own?: boolean;
}

/** What the watchdog does and sees. */
export const WATCHDOG_KINDS: readonly string[] = ["watchdog", "crashed", "gave_up", "ended"];

const BAD: ReadonlySet<string> = new Set(["crashed", "gave_up", "offline", "refused", "watchdog", "flapping"]);

export function isBad(kind: string): boolean {
  return BAD.has(kind);
}

export function wordsOf(event: Said): string {
  return t.event(event.kind, event.miner ?? "", event.text ?? "");
}

/** Who did it: this node, a rig by its name, everybody else as they are told. */
export function whoOf({ by = "", own = false }: Said): string {
  return whoIs({ by, own }, t.thisNode);
}

export function markOf(event: Said): ChartEvent {
  const [kind, words] = [t.kind(event.kind), wordsOf(event)];
  const text = words.toLowerCase().includes(kind.toLowerCase()) ? words : `${kind}: ${words}`;
  return { atMs: event.atMs, text, by: whoOf(event), bad: isBad(event.kind) };
}
