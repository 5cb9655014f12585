/** Which rows are drawn: those that are seen, and a few around them. */

export const AROUND = 6;

export interface Part {
  /** Index of the first row that is drawn. */
  first: number;
  /** How many elements there are: the same whatever is scrolled, so that they are used again. */
  size: number;
}

export function partOf(scrollTop: number, height: number, rowHeight: number, rows: number): Part {
  const size = Math.min(rows, Math.ceil(height / Math.max(1, rowHeight)) + 1 + 2 * AROUND);
  const first = Math.floor(scrollTop / Math.max(1, rowHeight)) - AROUND;
  return { first: Math.max(0, Math.min(first, rows - size)), size };
}

/** The rows of a part, each with the number of the element that draws it: one that was scrolled out is used for one that came in. */
export function slots(part: Part): { index: number; element: number }[] {
  return Array.from({ length: part.size }, (_, at) => ({ index: part.first + at, element: (part.first + at) % part.size }));
}

/** Whether a row is within what is scrolled to. */
export function isSeen(index: number, scrollTop: number, height: number, rowHeight: number): boolean {
  const first = Math.floor(scrollTop / Math.max(1, rowHeight));
  return index >= first && index <= first + Math.ceil(height / Math.max(1, rowHeight));
}

/** Where to scroll so that a row is seen whole, below a header that stays; `undefined` where it is. */
export function scrollFor(index: number, scrollTop: number, height: number, rowHeight: number): number | undefined {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return undefined;
}

/** The row to go to with a key, or `undefined` if the key is none that moves. */
export function moved(key: string, from: number, rows: number, page: number): number | undefined {
  const to = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: rows - 1, PageDown: from + page, PageUp: from - page }[key];
  return to === undefined ? undefined : Math.max(0, Math.min(rows - 1, to));
}
