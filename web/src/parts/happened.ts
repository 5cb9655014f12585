/** What happened and who asked for it, as events tell it. */

import { live } from "../live/live.svelte";
import { own } from "../own.svelte";
import { askedBy, happened as t } from "../texts";

/** Who `by` is: `here` if it is this node, a rig's name, a login's; a token, this machine's user; others by their ID. */
export function whoIs(by: string, here: string): string {
  if (by && by === own.value?.identity?.id) return here;
  return live.fleet.rows.get(by)?.name || (by && askedBy(by));
}

/** `by this machine`, `by rig-alpha`, `by this node`; a node that is not known here keeps its ID. */
export function byWhom(by: string): string {
  return by && (by === own.value?.identity?.id ? t.byThisNode : t.by(whoIs(by, "")));
}

/** What happened in words. A rig tells a kind and a reason; what this node notes itself is a sentence. */
export function whatHappened(event: { kind: string; miner: string; text: string }): string {
  if (event.text && t.sentences.has(event.kind)) return event.text;
  const kind = t.kinds.get(event.kind) ?? event.kind.replaceAll("_", " ");
  const what = event.miner ? `${event.miner} ${kind}` : kind;
  return event.text ? `${what}: ${event.text}` : what;
}
