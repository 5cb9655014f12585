/** What the API demands of a password, and what is guessed soon. Pure. */

import { settings } from "../../texts";

export const MIN_CHARS = 10;
export const MAX_CHARS = 256;
const FEW = 4;

export interface Judged {
  /** The node will refuse it. */
  refused: boolean;
  /** It will do, and is weak. */
  weak: boolean;
  words: string;
}

/** Characters as the node counts them: code points. */
export function charsOf(text: string): number {
  return [...text].length;
}

export function judged(password: string, name: string): Judged {
  const t = settings.logins;
  const chars = charsOf(password);
  if (chars < MIN_CHARS) return { refused: true, weak: true, words: t.short(chars) };
  if (chars > MAX_CHARS) return { refused: true, weak: false, words: t.long(chars) };
  const low = password.toLowerCase();
  if (name.length > 2 && low.includes(name.toLowerCase())) return { refused: false, weak: true, words: t.sameAsName };
  if (new Set(low).size <= FEW) return { refused: false, weak: true, words: t.repeated };
  if (/^\d+$/.test(password)) return { refused: false, weak: true, words: t.digits };
  return { refused: false, weak: false, words: t.good(chars) };
}
