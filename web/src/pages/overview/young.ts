import type { Schemas } from "../../api/requests";

const HOUR_MS = 3_600_000;

/** Whether something is known of the last hour alone: a day of it is a dot. `undefined` where nothing is known yet. */
export function isYoung({ startMs, stepMs, points, lines }: Pick<Schemas["SeriesView"], "startMs" | "stepMs" | "points" | "lines">): boolean | undefined {
  const lately = startMs + points * stepMs - HOUR_MS - stepMs;
  const known = lines.flatMap((line) => line.values.flatMap((value, at) => (value === null ? [] : [startMs + at * stepMs])));
  return known.length ? known.every((atMs) => atMs >= lately) : undefined;
}
