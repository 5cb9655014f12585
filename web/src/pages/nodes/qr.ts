/** A QR code as the path of an SVG. */

/** Light modules around it, as readers want. */
export const QUIET = 4;

/** A path of `rows` (a `1` for each dark module), a run of dark ones at a time. Other characters are light. */
export function qrPath(rows: readonly string[]): string {
  let path = "";
  for (const [y, row] of rows.entries()) {
    for (const run of row.matchAll(/1+/g)) path += `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h-${run[0].length}z`;
  }
  return path;
}

export function qrSize(rows: readonly string[]): number {
  return rows.length + 2 * QUIET;
}
