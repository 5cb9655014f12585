/**
 * Made once: one made for each number costs more than all else that a cell shows. Said to be pure: the texts of all pages
 * use it, and are in the code of each page where using them might do something.
 */
const WHOLE = /* @__PURE__ */ new Intl.NumberFormat("en");

/** A whole number as people read it: `12,345`. */
export function whole(n: number): string {
  return n >= 0 && n < 1000 && Number.isInteger(n) ? String(n) : WHOLE.format(n);
}
