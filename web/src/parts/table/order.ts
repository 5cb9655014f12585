/** The order of a table's rows, and which of them are found. Made for 10,000 rows within a few ms. */

import { collationKey, compared } from "../../format/collation";
import { folded } from "../../format/folded";
import { finding } from "../find/found";
import type { Changes } from "../../live/table";
import type { CellValue, Column, Sort, TableRow } from "./columns";

/** How many rows are made ready to be found and sorted in one go. */
export const READY_AT_ONCE = 250;

function keyOf(value: CellValue): string | number | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return value ? collationKey(value) : undefined;
}

/** Numbers come before texts. */
function between(a: string | number, b: string | number): number {
  if (typeof a === "string" && typeof b === "string") return compared(a, b);
  return typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : 1;
}

/**
 * The IDs of `rows` in order. What is missing comes last either way; equal ones are in the order of the first column that
 * has values, then as they came. Rows that come in that order are only looked through: nothing is sorted.
 */
export function ordered<Row extends TableRow>(rows: readonly Row[], sort: Sort, columns: readonly Column<Row>[]): string[] {
  const value = columns.find((column) => column.id === sort.column)?.value;
  const tie = columns.find((column) => column.value)?.value;
  const keys = rows.map((row) => (value ? keyOf(value(row)) : undefined));
  const ties: (string | undefined)[] = [];
  const tieOf = (at: number): string => (ties[at] ??= tieKey(tie?.(rows[at] as Row)));
  const sign = sort.descending ? -1 : 1;
  const inOrder = (a: number, b: number): number => {
    const [one, other] = [keys[a], keys[b]];
    if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined) || compared(tieOf(a), tieOf(b));
    return sign * between(one, other) || compared(tieOf(a), tieOf(b));
  };
  const places = rows.map((_, at) => at);
  if (!places.every((at) => at === 0 || inOrder(at - 1, at) <= 0)) places.sort(inOrder);
  return places.map((at) => (rows[at] as Row).id);
}

function tieKey(said: CellValue): string {
  return typeof said === "string" ? collationKey(said) : "";
}

type Rows<Row> = Pick<ReadonlyMap<string, Row>, "get" | "values">;

/** Finds rows by what is typed: every word has to stand in some column. A row's text is made once for as long as it says the same. */
export class Finder<Row extends TableRow> {
  #texts = new Map<string, { row: Row; text: string }>();
  /** Rows that changed, and are not made ready yet. */
  #stale = new Set<string>();

  constructor(private readonly columns: readonly Column<Row>[]) {}

  /** Rows came, changed or went. */
  changed(changes: Changes, rows: Rows<Row>): void {
    if (changes !== "all") {
      for (const id of changes) this.#stale.add(id);
      return;
    }
    for (const id of this.#texts.keys()) if (!rows.get(id)) this.#texts.delete(id);
    for (const row of rows.values()) this.#stale.add(row.id);
  }

  /**
   * Make the texts of some rows that changed before anybody types, and what they are sorted by: of `READY_AT_ONCE` at most.
   * Returns how many texts were made.
   */
  ready(rows: Rows<Row>): number {
    let [left, made] = [READY_AT_ONCE, 0];
    for (const id of this.#stale) {
      if (left-- === 0) break;
      this.#stale.delete(id);
      const row = rows.get(id);
      if (!row) {
        this.#texts.delete(id);
        continue;
      }
      const before = this.#texts.get(id)?.text;
      if (this.#text(row) !== before) made += 1;
      for (const column of this.columns) if (!column.hidden && column.value) keyOf(column.value(row));
    }
    return made;
  }

  /** Whether a row is found; `undefined` where nothing is looked for. */
  matcher(typed: string): ((row: Row) => boolean) | undefined {
    const found = finding(typed);
    return found && ((row) => found(this.#text(row)));
  }

  #text(row: Row): string {
    const known = this.#texts.get(row.id);
    // most rows change in what nobody types
    if (known && (known.row === row || this.columns.every((column) => textOf(column, known.row) === textOf(column, row)))) {
      known.row = row;
      return known.text;
    }
    const text = folded(this.columns.map((column) => textOf(column, row)).join("\n"));
    this.#texts.set(row.id, { row, text });
    return text;
  }
}

function textOf<Row extends TableRow>(column: Column<Row>, row: Row): string {
  if (column.text) return column.text(row);
  const value = column.value?.(row);
  return typeof value === "string" ? value : "";
}
