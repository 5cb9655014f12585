/** Who asked for something, as events name them. */

import { live } from "../live/live.svelte";
import { own } from "../own.svelte";
import { who as t } from "../texts";

const NODE_ID = /^[0-9a-f]{16}$/;

/** `by owner`, `by rig-alpha`, `by this node`; a node that is not known here keeps its ID. */
export function byWhom(by: string): string {
  if (!by) return "";
  if (!NODE_ID.test(by)) return t.by(by);
  if (by === own.value?.identity?.id) return t.byThisNode;
  return t.by(live.fleet.rows.get(by)?.name ?? by);
}
