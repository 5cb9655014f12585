/** What happened and who asked for it, as events tell it. */

import { live } from "../live/live.svelte";
import { own } from "../own.svelte";
import { askedBy, happened as t } from "../texts";

/** Of an event, who asked for it; `own`: this node noted it, and not the rig. */
export interface Asking {
  by: string;
  own: boolean;
}

/**
 * Who that is: `here` if it is this node, a rig's name, others by their ID; of what this node noted itself a login, a
 * token, this machine's user. Those of a rig are its own: its owner sits there, and its logins are nobody here.
 */
export function whoIs({ by, own: noted }: Asking, here: string): string {
  if (!by) return "";
  if (by === own.value?.identity?.id) return here;
  return live.fleet.rows.get(by)?.name || (noted ? askedBy(by) : (t.rigDoors.get(by) ?? by));
}

/** `by this machine`, `by rig-alpha`, `by this node`; a node that is not known here keeps its ID. */
export function byWhom(asking: Asking): string {
  const who = whoIs(asking, t.thisNode);
  return who && t.by(who);
}

/** What happened in words. A rig tells a kind and a reason; what this node notes itself is a sentence. */
export function whatHappened(event: { kind: string; miner: string; text: string }): string {
  if (event.text && t.sentences.has(event.kind)) return event.text;
  const kind = t.kinds.get(event.kind) ?? event.kind.replaceAll("_", " ");
  const what = event.miner ? `${event.miner} ${kind}` : kind;
  return event.text ? `${what}: ${event.text}` : what;
}
