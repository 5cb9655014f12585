/** What a table shows: its columns, and which of them somebody chose, in which order. */

import type { Snippet } from "svelte";

export interface TableRow {
  id: string;
}

export type CellValue = string | number | boolean | null | undefined;

export interface Column<Row extends TableRow> {
  id: string;
  header: string;
  /** What it is sorted by; one without cannot be sorted by. Missing values come last. */
  value?: (row: Row) => CellValue;
  /** What typing finds; left out: the value, where it is text. */
  text?: (row: Row) => string;
  /** What is drawn; left out: the value. Give what can be focused in it `tabindex={tab}`. */
  cell?: Snippet<[row: Row, tab: 0 | -1]>;
  /** In rem. */
  width: number;
  /** Its share of the room that is left. */
  grow?: number;
  /** Right-aligned, and sorted the largest first at the first click. */
  numeric?: boolean;
  /** Stays at the right edge where the table is wider than its place: for the last column. */
  pinned?: boolean;
  /** Somebody may take it out. */
  optional?: boolean;
  /** Not shown until somebody chooses it. */
  hidden?: boolean;
  /** In a table that is narrower (rem), not shown until somebody chooses it. */
  from?: number;
  /** Its values change all the time: where it is sorted by, the order is made again now and then. */
  live?: boolean;
  /** Where it stands on a card, where there is no room for a row; left out: nowhere. */
  phone?: "title" | "value" | "detail" | "end";
}

export interface Sort {
  column: string;
  descending: boolean;
}

/**
 * What somebody chose: `shown` are the IDs in their order; `null`: those that there is room for. Those that were put in or
 * taken out are `touched`; the others still go by the room that there is (in what an older page remembered none do).
 */
export interface Choice {
  shown: string[] | null;
  touched?: string[] | undefined;
  sort: Sort;
}

/** The columns that a table so wide (rem) shows as long as nobody chose. */
export function defaultShown<Row extends TableRow>(columns: readonly Column<Row>[], width: number): string[] {
  return columns.filter((column) => !column.hidden && (column.from ?? 0) <= width).map((column) => column.id);
}

/** The columns that a table so wide (rem) shows, in their order. */
export function wantedColumns<Row extends TableRow>(columns: readonly Column<Row>[], { shown, touched }: Pick<Choice, "shown" | "touched">, width: number): string[] {
  const usual = defaultShown(columns, width);
  if (!shown || !touched) return shown ?? usual;
  const wanted = shown.filter((id) => touched.includes(id) || usual.includes(id));
  for (const [at, id] of usual.entries()) {
    if (shown.includes(id) || touched.includes(id)) continue;
    wanted.splice(wanted.indexOf(usual.slice(0, at).findLast((before) => wanted.includes(before)) ?? "") + 1, 0, id);
  }
  return wanted;
}

/** What is remembered once `next` was chosen where `before` was shown; `null`: as it was at first. */
export function chose(before: readonly string[], next: string[] | null, touched: readonly string[] = []): Pick<Choice, "shown" | "touched"> {
  if (!next) return { shown: null, touched: undefined };
  const changed = [...before.filter((id) => !next.includes(id)), ...next.filter((id) => !before.includes(id))];
  return { shown: next, touched: [...new Set([...touched, ...changed])] };
}

/** The columns to show, in the order chosen; those that may not be taken out are there whatever was remembered. */
export function chosenColumns<Row extends TableRow>(columns: readonly Column<Row>[], shown: readonly string[]): Column<Row>[] {
  const byId = new Map(columns.map((column) => [column.id, column]));
  const chosen = [...new Set(shown)].flatMap((id) => byId.get(id) ?? []);
  for (const [at, column] of columns.entries()) if (!column.optional && !chosen.includes(column)) chosen.splice(at, 0, column);
  return chosen;
}

/** The tracks of a grid for `columns`, and how wide they are at least (rem). */
export function tracksOf<Row extends TableRow>(columns: readonly Column<Row>[], before: number): { tracks: string; least: number } {
  const all = before ? [{ width: before }, ...columns] : columns;
  const tracks = all.map((column: { width: number; grow?: number }) => (column.grow ? `minmax(${column.width}rem, ${column.grow}fr)` : `${column.width}rem`));
  return { tracks: tracks.join(" "), least: all.reduce((sum, column) => sum + column.width, 1) };
}

/** Whether what was remembered is a choice: somebody else may have written there, or an older page. */
export function isChoice(value: unknown): value is Choice {
  if (typeof value !== "object" || value === null || !("shown" in value) || !("sort" in value)) return false;
  const { shown, sort } = value;
  if (shown !== null && !isIds(shown)) return false;
  if ("touched" in value && value.touched !== undefined && !isIds(value.touched)) return false;
  return typeof sort === "object" && sort !== null && "column" in sort && typeof sort.column === "string" && "descending" in sort && typeof sort.descending === "boolean";
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 100 && value.every((id) => typeof id === "string");
}
