/** The order of names, as people count. Comparing keys is far cheaper than a collator, and a key is made once for each text. */

import { folded } from "./folded";

const KEYS_KEPT = 50_000;
const keys = new Map<string, string>();

/** A text as it is sorted: without case and accents, numbers in it by size (`rig-9` before `rig-10`). */
export function collationKey(text: string): string {
  const known = keys.get(text);
  if (known !== undefined) return known;
  const key = folded(text).replace(/0*(\d+)/g, (_, digits: string) => lengthOf(digits) + digits);
  if (keys.size >= KEYS_KEPT) keys.clear();
  keys.set(text, key);
  return key;
}

/** How long a number is, in digits that are in that order: `1` to `8`, then `91` to `98`, then `991`. */
function lengthOf({ length }: string): string {
  return "9".repeat(Math.floor((length - 1) / 8)) + String(((length - 1) % 8) + 1);
}

/** Below zero, zero or above: by the units of their code, as keys are to be compared. */
export function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
