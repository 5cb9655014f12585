/** The order of names, as people count. Comparing keys is far cheaper than a collator, and a key is made once for each text. */

import { folded } from "../parts/find/found";

const KEYS_KEPT = 50_000;
const keys = new Map<string, string>();

/** A text as it is sorted: without case and accents, numbers in it by size (`rig-9` before `rig-10`): how long they are comes first. */
export function collationKey(text: string): string {
  const known = keys.get(text);
  if (known !== undefined) return known;
  const key = folded(text).replace(/0*(\d+)/g, (_, digits: string) => String.fromCharCode(48 + digits.length) + digits);
  if (keys.size >= KEYS_KEPT) keys.clear();
  keys.set(text, key);
  return key;
}

/** Below zero, zero or above: by the units of their code, as keys are to be compared. */
export function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
