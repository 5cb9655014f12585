/** Events of a rig in words. */

import { live } from "../../live/live.svelte";
import type { ChartEvent } from "../../parts/chart/data";
import { rig as t } from "../../texts";
import { ownNode } from "./own.svelte";

interface Said {
  atMs: number;
  kind: string;
  miner?: string;
  by?: string;
  text?: string;
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
export function whoOf(by: string | undefined): string {
  if (!by) return "";
  return by === ownNode.id ? t.thisNode : live.fleet.rows.get(by)?.name || by;
}

export function markOf(event: Said): ChartEvent {
  const [kind, words] = [t.kind(event.kind), wordsOf(event)];
  const text = words.toLowerCase().includes(kind.toLowerCase()) ? words : `${kind}: ${words}`;
  return { atMs: event.atMs, text, by: whoOf(event.by), bad: isBad(event.kind) };
}
