/** What is found by typing, wherever something is listed. Pure. */

/** A text as it is found: without case and accents. */
export function folded(text: string): string {
  const lower = text.toLowerCase();
  return isAscii(lower) ? lower : lower.normalize("NFKD").replace(/\p{M}/gu, "");
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** Whether a text, folded, is found by what is typed: every word has to stand in it, in whatever order. `undefined` where nothing is looked for. */
export function finding(typed: string): ((text: string) => boolean) | undefined {
  const words = folded(typed).split(/\s+/).filter(Boolean);
  return words.length ? (text) => words.every((word) => text.includes(word)) : undefined;
}

/** Those of `rows` that are found by what is typed; the rows themselves where nothing is looked for. */
export function foundIn<Row>(rows: readonly Row[], typed: string, textOf: (row: Row) => string): readonly Row[] {
  const found = finding(typed);
  return found ? rows.filter((row) => found(folded(textOf(row)))) : rows;
}
