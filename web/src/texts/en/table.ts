import { whole } from "../../format/whole";
import { count } from "./common";

export const table = {
  filter: "Filter",
  filterHint: "Type to filter ( / )",
  clearFilter: "Clear the filter",
  columns: "Columns",
  columnsTitle: "Columns of this table",
  columnsReset: "As they were at first",
  sortBy: "Sort by",
  ascending: "Ascending",
  descending: "Descending",
  earlier: (column: string) => `Move ${column} to the left`,
  later: (column: string) => `Move ${column} to the right`,
  select: (name: string) => `Select ${name}`,
  selectAll: (n: number) => `Select all ${whole(n)}`,
  selected: (n: number) => `${whole(n)} selected`,
  unseen: (n: number) => `${whole(n)} of them not shown by the filter`,
  clear: "Clear the selection",
  bulk: "What to do with those selected",
  counted: (shown: number, all: number, one: string) => (shown === all ? count(all, one) : `${whole(shown)} of ${count(all, one)}`),
  none: "Nothing matches",
  noneText: "No row has what is typed and chosen above.",
  gone: "Removed",
  yes: "Yes",
  no: "No",
};
