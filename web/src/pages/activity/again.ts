/** A job once more, on the rigs on which it came to nothing: the node keeps what was asked (docs/rest-api.md, "Many rigs at once"). */

import { type Schemas, answerOf, api } from "../../api/requests";
import { once } from "../../api/once";

type Job = Schemas["JobView"];
export type Order = Record<string, unknown>;

const MOST_CHARS = 300;

/** States of rigs that a retry is for. */
export const CAME_TO_NOTHING = ["failed", "interrupted", "cancelled"] as const;

/** On how many rigs a job came to nothing. */
export function cameToNothing(counts: Job["counts"]): number {
  return CAME_TO_NOTHING.reduce((sum, state) => sum + counts[state], 0);
}

/** Their names, the first `most` of each state. */
export async function namesOf(job: Pick<Job, "id" | "counts">, most: number): Promise<string[]> {
  const path = { id: job.id };
  const found = await Promise.all(
    CAME_TO_NOTHING.filter((state) => job.counts[state]).map((state) => answerOf(api.GET("/jobs/{id}/peers", { params: { path, query: { state, limit: most } } }))),
  );
  return found.flat().map(({ name, id }) => name || id);
}

/** Begin it. The node says why where it cannot be. */
export async function tryAgain(job: string): Promise<Job> {
  return answerOf(api.POST("/jobs/{id}/retry", { params: { path: { id: job }, header: once() } }));
}

/** What is special about an order, a line for each field; `profile` is the name of its profile, where that is known. */
export function orderLines(order: Order, labels: Readonly<Record<string, string>>, profile = ""): { label: string; text: string }[] {
  return Object.entries(order)
    .filter(([, value]) => value !== null && value !== "" && value !== false && !isEmpty(value))
    .map(([name, value]) => ({
      label: Object.hasOwn(labels, name) ? (labels[name] ?? name) : name,
      text: name === "profileId" && profile ? profile : short(name === "profileHash" ? String(value).slice(0, 8) : typeof value === "string" ? value : JSON.stringify(value)),
    }));
}

/** The same without the version of its profile: a viewer is shown none. */
export function withoutVersion(order: Order): Order {
  return Object.fromEntries(Object.entries(order).filter(([name]) => name !== "profileHash"));
}

/** Whether a secret was left out of an order: with `…` in it the node does not give it again. */
export function holdsSecret(order: unknown): boolean {
  if (typeof order === "string") return order.includes("…");
  return typeof order === "object" && order !== null && Object.values(order).some(holdsSecret);
}

/** The same in one line. */
export function orderWords(lines: readonly { label: string; text: string }[]): string {
  return lines.map(({ label, text }) => `${label}: ${text}`).join(", ");
}

/** A signed change of a lock is long. */
function short(text: string): string {
  return text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}…` : text;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
