/** What a job is, in parts that can be shown. Pure. */

import type { Schemas } from "../../api/requests";
import { parsed } from "../../format/times";

export type JobRigState = Schemas["JobPeerState"];
type Counts = Schemas["JobCounts"];

/** In the order in which a bar shows them: what has ended, what goes on, what waits. */
export const RIG_STATES: readonly JobRigState[] = ["done", "failed", "interrupted", "cancelled", "skipped", "running", "waiting"];

export interface Segment {
  state: JobRigState;
  count: number;
}

/** The states that some rigs are in, with how many. */
export function segments(counts: Counts): Segment[] {
  return RIG_STATES.map((state) => ({ state, count: counts[state] })).filter(({ count }) => count > 0);
}

/** How long a job or a rig of it took, or takes so far; `undefined` where it has not begun. */
export function took(startedAt: string | null, finishedAt: string | null, nowMs: number): number | undefined {
  const started = parsed(startedAt);
  if (started === null) return undefined;
  return Math.max(0, (parsed(finishedAt) ?? nowMs) - started);
}

/** The jobs with the newest first; those of one second stay as they came. */
export function newestFirst<J extends { createdAt: string }>(jobs: Iterable<J>): J[] {
  return [...jobs].sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}

/** How a job ended, in a word that says more than that it is done. */
export function outcome({ state, counts, total }: Pick<Schemas["JobView"], "state" | "counts" | "total">): Schemas["JobState"] | "failed" | "partly" {
  if (state !== "done" || !counts.failed) return state;
  return counts.failed < total ? "partly" : "failed";
}

/** What a rig answered, in a line: `stopped: xmrig-1, xmrig-2`. */
export function answerWords(answer: Record<string, unknown> | null): string {
  if (!answer) return "";
  const status = text(answer["status"]);
  const names = list(answer["miners"]) ?? list(answer["restarted"]) ?? [];
  const program = [text(answer["minerType"]), text(answer["version"])].filter(Boolean).join(" ");
  const about = [program, names.join(", ")].filter(Boolean).join("; ");
  if (status) return about ? `${status}: ${about}` : status;
  return JSON.stringify(answer);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : undefined;
}
