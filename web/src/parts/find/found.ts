/** What is found by typing, wherever something is listed. Pure. */

import { folded } from "../../format/folded";

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
