/** What happened and who asked for it, as events tell it. */

import { live } from "../live/live.svelte";
import { own } from "../own.svelte";
import { happened as t } from "../texts";

const NODE_ID = /^[0-9a-f]{16}$/;

/** `by owner`, `by rig-alpha`, `by this node`; a node that is not known here keeps its ID. */
export function byWhom(by: string): string {
  if (!by) return "";
  if (!NODE_ID.test(by)) return t.by(by);
  if (by === own.value?.identity?.id) return t.byThisNode;
  return t.by(live.fleet.rows.get(by)?.name ?? by);
}

/** What happened in words. A rig tells a kind and a reason; what this node notes itself is a sentence. */
export function whatHappened(event: { kind: string; miner: string; text: string }): string {
  if (event.text && t.sentences.has(event.kind)) return event.text;
  const kind = t.kinds.get(event.kind) ?? event.kind.replaceAll("_", " ");
  const what = event.miner ? `${event.miner} ${kind}` : kind;
  return event.text ? `${what}: ${event.text}` : what;
}
