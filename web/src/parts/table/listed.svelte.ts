import type { TableRow } from "./columns";
import type { Source } from "./rows.svelte";

/** A list as the source of a table, for tests; `undefined` is one that is not there yet. What it becomes is shown at once. */
export function listed<Row extends TableRow>(list: () => readonly Row[] | undefined): Source<Row> {
  let version = 0;
  const table = $derived.by(() => ({ rows: new Map((list() ?? []).map((row) => [row.id, row])), version: ++version }));
  return {
    get rows() {
      return table.rows;
    },
    get version() {
      return table.version;
    },
    get complete() {
      return list() !== undefined;
    },
    get members() {
      return table.version;
    },
    get done() {
      return table.version;
    },
  };
}
