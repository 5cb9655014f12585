/** Times of the filters, as the address has them: `24h` is how long ago, or two moments. */

export const RANGES = { "1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000 } as const;
export type RangeName = keyof typeof RANGES;

export interface Times {
  since?: number;
  until?: number;
}

/** What the range, or the two moments (`YYYY-MM-DDTHH:MM` in local time), are in Unix ms; nothing where they are none. */
export function timesOf(range: string, from: string, to: string, nowMs: number): Times {
  if (Object.hasOwn(RANGES, range)) return { since: nowMs - RANGES[range as RangeName] };
  if (range !== "custom") return {};
  const since = Date.parse(from);
  const until = Date.parse(to);
  return { ...(Number.isFinite(since) && since > 0 ? { since } : {}), ...(Number.isFinite(until) && until > 0 ? { until } : {}) };
}
