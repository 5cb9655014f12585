/** The order of a table's rows, and which of them are found. Made for 10,000 rows within a few ms. */

import { finding, folded } from "../find/found";
import type { CellValue, Column, Sort, TableRow } from "./columns";

const KEYS_KEPT = 50_000;
const keys = new Map<string, string>();

/** A text as it is sorted: without case and accents, numbers in it by size (`rig-9` before `rig-10`). */
export function collationKey(text: string): string {
  const known = keys.get(text);
  if (known !== undefined) return known;
  const key = folded(text).replace(/\d+/g, (digits) => digits.replace(/^0+(?=\d)/, "").padStart(16, "0"));
  if (keys.size >= KEYS_KEPT) keys.clear();
  keys.set(text, key);
  return key;
}

/** How many rows are made ready to be found or sorted in one go. */
export const READY_AT_ONCE = 500;

interface Sortable {
  id: string;
  key: string | number;
  tie: string;
}

function keyOf(value: CellValue): string | number | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value ? collationKey(value) : undefined;
}

function compared(a: string | number, b: string | number): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The IDs of `rows` in order. What is missing comes last either way; equal ones are in the order of `tie`, then as they came. */
export function ordered<Row extends TableRow>(rows: Iterable<Row>, sort: Sort, columns: readonly Column<Row>[]): string[] {
  const value = columns.find((column) => column.id === sort.column)?.value;
  const tie = columns.find((column) => column.value)?.value;
  const there: Sortable[] = [];
  const missing: Sortable[] = [];
  for (const row of rows) {
    const key = value ? keyOf(value(row)) : undefined;
    const said = tie?.(row);
    const entry = { id: row.id, key: key ?? "", tie: typeof said === "string" ? collationKey(said) : "" };
    (key === undefined ? missing : there).push(entry);
  }
  const sign = sort.descending ? -1 : 1;
  there.sort((a, b) => sign * compared(a.key, b.key) || compared(a.tie, b.tie));
  missing.sort((a, b) => compared(a.tie, b.tie));
  return [...there, ...missing].map((entry) => entry.id);
}

/** Finds rows by what is typed: every word has to stand in some column. A row's text is made once for as long as the row is the same. */
export class Finder<Row extends TableRow> {
  #texts = new WeakMap<Row, string>();
  #left: Iterator<Row> | undefined;

  constructor(private readonly columns: readonly Column<Row>[]) {}

  /**
   * Make the texts of some rows before anybody types: at most `READY_AT_ONCE` rows are looked at, the ones after those
   * of the last time, from the beginning again at the end. Returns how many texts were made.
   */
  ready(rows: Pick<ReadonlyMap<string, Row>, "values" | "size">): number {
    let made = 0;
    for (let looked = Math.min(READY_AT_ONCE, rows.size); looked > 0; looked -= 1) {
      this.#left ??= rows.values()[Symbol.iterator]();
      const next = this.#left.next();
      if (next.done) {
        this.#left = undefined;
        break;
      }
      if (this.#texts.has(next.value)) continue;
      this.#text(next.value);
      made += 1;
    }
    return made;
  }

  /** Whether a row is found; `undefined` where nothing is looked for. */
  matcher(typed: string): ((row: Row) => boolean) | undefined {
    const found = finding(typed);
    return found && ((row) => found(this.#text(row)));
  }

  #text(row: Row): string {
    const known = this.#texts.get(row);
    if (known !== undefined) return known;
    const text = folded(this.columns.map((column) => textOf(column, row)).join("\n"));
    this.#texts.set(row, text);
    return text;
  }
}

function textOf<Row extends TableRow>(column: Column<Row>, row: Row): string {
  if (column.text) return column.text(row);
  const value = column.value?.(row);
  return typeof value === "string" ? value : "";
}
