/** The rows of a table in order: made when somebody asks for another, and else only while nobody reads or aims. */

import { untrack } from "svelte";
import { answerFirst, nextFrame } from "../../frames";
import type { Changes } from "../../live/table";
import type { Column, Sort, TableRow } from "./columns";
import { Finder, ordered } from "./order";

/** Where rows come from: the feed, and what it does not tell. `version` is read to follow it. */
export interface Source<Row extends TableRow> {
  readonly rows: Pick<ReadonlyMap<string, Row>, "get" | "values" | "size">;
  readonly version: number;
  /** Another number when a row came or went. */
  readonly members: number;
  /** False while nothing is known yet. */
  readonly complete: boolean;
  /** For what changes by itself: `heard` is told of what did; the returned function ends that. */
  listen?(heard: (changes: Changes) => void): () => void;
  /** Another number when somebody here did what changes the list: that is shown at once. */
  readonly done?: number;
}

export interface Wanted<Row extends TableRow> {
  source: Source<Row>;
  columns: readonly Column<Row>[];
  sort: Sort;
  /** What is typed to find. */
  text: string;
  where: ((row: Row) => boolean) | undefined;
}

const READY_EVERY_MS = 50;
const LOOK_EVERY_MS = 500;
const ORDER_EVERY_MS = 5000;
const STILL_FOR_MS = 2000;

export class OrderedRows<Row extends TableRow> {
  order = $state.raw<readonly string[]>([]);
  /** The order a frame later: that of rows which nobody sees. */
  #late = $state.raw<readonly string[]>([]);
  /** A pointer is over the table, or the focus in it. */
  aimed = false;
  #scrolledAt = -Infinity;
  #madeAt = 0;
  #madeOf = 0;
  #finder: Finder<Row>;
  /** The rows as they were when the order was made, then those that were put in: for those that are gone since. */
  #made: readonly Row[] = [];
  #lastKnown: Map<string, Row> | undefined;
  /** All rows as they were in order last, and by which column: what is nearly in order is sorted in no time. */
  #base: { column: string; ids: readonly string[] } = { column: "", ids: [] };
  #source = $derived.by(() => this.wanted().source);
  #anything = $derived(this.#source.rows.size > 0);

  constructor(private readonly wanted: () => Wanted<Row>) {
    this.#finder = new Finder(untrack(() => wanted().columns));
    // what is asked for is there at once
    $effect.pre(() => {
      const { source, sort, text, where } = wanted();
      void [sort.column, sort.descending, text, where, source, source.complete, this.#anything, source.done];
      untrack(() => this.#make());
      answerFirst();
    });
    $effect(() => {
      const { order } = this;
      return nextFrame(() => (this.#late = order));
    });
    $effect(() => {
      const looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
      return () => clearInterval(looking);
    });
    $effect(() => {
      const source = this.#source;
      const rows = () => untrack(() => source.rows);
      this.#finder.changed("all", rows());
      const ended = source.listen?.((changes) => this.#finder.changed(changes, rows()));
      const readying = ended && setInterval(() => this.#finder.ready(rows()), READY_EVERY_MS);
      return () => {
        ended?.();
        clearInterval(readying);
      };
    });
  }

  scrolled(): void {
    this.#scrolledAt = performance.now();
  }

  /** The ID of the row at a place. What is not `seen` may be a frame behind: so what is seen is drawn sooner. */
  at(index: number, seen: boolean): string {
    return (seen ? undefined : this.#late[index]) ?? this.order[index] ?? "";
  }

  /** The row with an ID, as it is now; one that is gone is as it was, until the order is made again. */
  row(id: string): Row | undefined {
    const { source } = this.wanted();
    void source.version;
    return source.rows.get(id) ?? (this.#lastKnown ??= new Map(this.#made.map((row) => [row.id, row]))).get(id);
  }

  isGone(id: string): boolean {
    const { source } = this.wanted();
    void source.version;
    return !source.rows.get(id);
  }

  get #still(): boolean {
    return this.aimed || performance.now() - this.#scrolledAt < STILL_FOR_MS;
  }

  /** What is found, in the order of the last time where it was that of the same column. */
  #found(): Row[] {
    const { source, text, where, sort } = this.wanted();
    const { rows } = source;
    const matches = this.#finder.matcher(text);
    const found: Row[] = [];
    const look = (row: Row): void => {
      if ((!where || where(row)) && (!matches || matches(row))) found.push(row);
    };
    const ids = this.#base.column === sort.column ? this.#base.ids : [];
    let placed = 0;
    for (const id of ids) {
      const row = rows.get(id);
      if (!row) continue;
      placed += 1;
      look(row);
    }
    if (placed === rows.size) return found;
    const there = new Set(ids);
    for (const row of rows.values()) if (!there.has(row.id)) look(row);
    return found;
  }

  #make(): void {
    const { source, sort, columns } = this.wanted();
    const found = this.#found();
    const next = ordered(found, sort, columns);
    if (found.length === source.rows.size) this.#base = { column: sort.column, ids: next };
    this.#madeAt = performance.now();
    this.#madeOf = source.members;
    this.#made = found;
    this.#lastKnown = undefined;
    if (!same(next, this.order)) this.order = next;
  }

  /** New rows are put in soon; the order is made again where it moves by itself. */
  #look(): void {
    const { source, sort, text, where, columns } = untrack(this.wanted);
    const theSame = untrack(() => source.members) === this.#madeOf;
    const due = performance.now() - this.#madeAt >= ORDER_EVERY_MS;
    if (theSame && !due) return;
    const moves = Boolean(text || where) || columns.find((column) => column.id === sort.column)?.live;
    if (theSame && !moves) return;
    untrack(() => (this.#still ? this.#append() : this.#make()));
  }

  /** Rows that came are put at the end: nothing that is looked at moves. */
  #append(): void {
    const there = new Set(this.order);
    const came = this.#found().filter((row) => !there.has(row.id));
    if (!came.length) return;
    this.#made = [...this.#made, ...came];
    this.#lastKnown = undefined;
    this.order = [...this.order, ...came.map((row) => row.id)];
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at]);
}
