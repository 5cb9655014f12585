import type { ApiFailure } from "../../api/failure";

const LONGEST_S = 300;

/** For how many seconds the node takes no further try; 0 where it said nothing of that. */
export function waitOf(failure: ApiFailure): number {
  const details = failure.details;
  if (failure.status !== 429 || typeof details !== "object" || details === null || !("retryAfterS" in details)) return 0;
  const seconds = details.retryAfterS;
  return typeof seconds === "number" && seconds > 0 ? Math.min(seconds, LONGEST_S) : 0;
}
