/** Where each cell of the wall is. Cells are numbered through all groups; lengths are in CSS pixels. Pure. */

/** A group's cells: `rows` rows of `columns` from `top` on, beginning with cell `first`. */
export interface Block {
  first: number;
  size: number;
  /** Where its label begins; `top` where it has none. */
  labelTop: number;
  top: number;
}

export interface Layout {
  /** From one cell to the next. */
  pitch: number;
  gap: number;
  columns: number;
  width: number;
  height: number;
  blocks: Block[];
  cells: number;
}

const LEAST_PITCH = 7;
/** Up to so many cells, cells are not smaller than `PLAIN_PITCH`, whatever the height: marks can be told apart. */
const FEW = 2000;
const PLAIN_PITCH = 13;
const MOST_PITCH = 36;
const LABEL = 22;
const BETWEEN = 10;

/** The largest cells with which all of it is within `width` and, if that can be, all cells within `height`. */
export function layoutOf(sizes: readonly number[], labelled: boolean, width: number, height: number): Layout {
  const least = sizes.reduce((sum, size) => sum + size, 0) <= FEW ? PLAIN_PITCH : LEAST_PITCH;
  let pitch = MOST_PITCH;
  while (pitch > least && rowsHeight(sizes, columnsOf(width, pitch), pitch) > height) pitch -= 1;
  const columns = columnsOf(width, pitch);
  const blocks: Block[] = [];
  let [top, first] = [0, 0];
  for (const size of sizes) {
    const labelTop = top;
    if (labelled) top += LABEL;
    blocks.push({ first, size, labelTop, top });
    top += Math.ceil(size / columns) * pitch + BETWEEN;
    first += size;
  }
  const gap = pitch < 12 ? 1 : pitch < 24 ? 2 : 3;
  return { pitch, gap, columns, width: columns * pitch, height: Math.max(0, top - BETWEEN), blocks, cells: first };
}

/** Whether each cell has the same place in both. */
export function sameLayout(a: Layout, b: Layout): boolean {
  if (a.pitch !== b.pitch || a.columns !== b.columns || a.cells !== b.cells || a.blocks.length !== b.blocks.length) return false;
  return a.blocks.every(({ first, size, top }, at) => first === b.blocks[at]?.first && size === b.blocks[at]?.size && top === b.blocks[at]?.top);
}

function columnsOf(width: number, pitch: number): number {
  return Math.max(1, Math.floor(width / pitch));
}

function rowsHeight(sizes: readonly number[], columns: number, pitch: number): number {
  return sizes.reduce((sum, size) => sum + Math.ceil(size / columns) * pitch, 0);
}

function blockOf(layout: Layout, cell: number): Block | undefined {
  return layout.blocks.find((block) => cell >= block.first && cell < block.first + block.size);
}

/** The left upper corner of a cell. */
export function placeOf(layout: Layout, cell: number): { x: number; y: number } {
  const block = blockOf(layout, cell);
  if (!block) return { x: 0, y: 0 };
  const at = cell - block.first;
  return { x: (at % layout.columns) * layout.pitch, y: block.top + Math.floor(at / layout.columns) * layout.pitch };
}

/** The cell at a place, `undefined` if there is none. */
export function cellAt(layout: Layout, x: number, y: number): number | undefined {
  const column = Math.floor(x / layout.pitch);
  if (column < 0 || column >= layout.columns) return undefined;
  for (const block of layout.blocks) {
    const row = Math.floor((y - block.top) / layout.pitch);
    const at = row * layout.columns + column;
    if (row >= 0 && at < block.size && at >= 0) return block.first + at;
  }
  return undefined;
}

export const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"] as const;
export type Move = (typeof MOVES)[number];
const PAGE_ROWS = 5;

/** Where a key leads from a cell; it stays where there is nothing further. */
export function moved(layout: Layout, cell: number, key: Move): number {
  const last = layout.cells - 1;
  if (key === "ArrowLeft") return Math.max(0, cell - 1);
  if (key === "ArrowRight") return Math.min(last, cell + 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  const rows = key === "PageUp" || key === "PageDown" ? PAGE_ROWS : 1;
  let to = cell;
  for (let row = 0; row < rows; row++) to = key === "ArrowUp" || key === "PageUp" ? above(layout, to) : below(layout, to);
  return to;
}

function above(layout: Layout, cell: number): number {
  const block = blockOf(layout, cell);
  if (!block) return cell;
  if (cell - layout.columns >= block.first) return cell - layout.columns;
  const before = layout.blocks[layout.blocks.indexOf(block) - 1];
  if (!before) return cell;
  const row = Math.floor((before.size - 1) / layout.columns) * layout.columns;
  return before.first + Math.min(before.size - 1, row + (cell - block.first));
}

function below(layout: Layout, cell: number): number {
  const block = blockOf(layout, cell);
  if (!block) return cell;
  const at = cell - block.first;
  if (at + layout.columns < block.size) return cell + layout.columns;
  const lastRow = Math.floor((block.size - 1) / layout.columns);
  if (Math.floor(at / layout.columns) < lastRow) return block.first + block.size - 1;
  const after = layout.blocks[layout.blocks.indexOf(block) + 1];
  return after ? after.first + Math.min(after.size - 1, at % layout.columns) : cell;
}
