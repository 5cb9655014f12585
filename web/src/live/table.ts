/** Rows by ID, as a snapshot and deltas make them (docs/live.md). A row that changes is replaced, never edited. */

import type { Said } from "./feed";

export interface TableRow {
  id: string;
}

/** What a message changed: the IDs, or everything. */
export type Changes = ReadonlySet<string> | "all";

export class Table<Row extends TableRow> {
  /** In the order in which rows came. */
  rows = new Map<string, Row>();
  /** Another number when a row came or went: as many may have come as went. */
  members = 0;
  /** Whether a whole snapshot has been there. */
  complete = false;
  /** A snapshot that is still coming: what was there is shown until it is whole. */
  #coming: Map<string, Row> | undefined;

  /**
   * `fresh` is a row with every field at its default: fields at their default are left out of what comes. `came` is called
   * with each row of a snapshot: what it makes of one then is not made of all of them at once.
   */
  constructor(
    private readonly fresh: Omit<Row, "id">,
    private readonly came: (row: Row) => void = () => {},
  ) {}

  /** Apply a message of this table's topic and return what it changed, `undefined` if nothing. */
  apply(message: Said): Changes | undefined {
    if (message.type === "snapshot") return this.#snapshot(message);
    if (message.type !== "delta") return undefined;
    const rows = this.#coming ?? this.rows;
    const changed = new Set<string>();
    for (const patch of message.changed as ({ id: string } & Partial<Row>)[]) {
      if (!rows.has(patch.id)) this.members += 1;
      rows.set(patch.id, { ...(rows.get(patch.id) ?? this.fresh), ...patch } as Row);
      changed.add(patch.id);
    }
    for (const id of message.removed) {
      if (!rows.delete(id)) continue;
      this.members += 1;
      changed.add(id);
    }
    return rows === this.rows && changed.size ? changed : undefined;
  }

  #snapshot(message: Extract<Said, { type: "snapshot" }>): Changes | undefined {
    if (message.part === 0) this.#coming = new Map();
    const coming = this.#coming;
    if (!coming) return undefined; // the middle of a snapshot whose beginning was another connection's
    for (const said of message.rows) {
      const row = { ...this.fresh, ...said } as unknown as Row;
      coming.set(row.id, row);
      this.came(row);
    }
    if (message.more && (this.complete || coming.size > FIRST_ROWS)) return undefined;
    this.rows = coming;
    this.members += 1;
    if (!message.more) {
      this.#coming = undefined;
      this.complete = true;
    }
    return "all";
  }
}

/** The first part of the first snapshot is shown at once; the others when they are all there. */
const FIRST_ROWS = 250;
