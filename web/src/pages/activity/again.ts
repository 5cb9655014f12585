/** The same command once more. A job does not keep what was asked: the audit journal does, where it is short and holds no secret. */

import { type Schemas, answerOf, api } from "../../api/requests";
import { once } from "../../api/once";
import { parsed } from "../../format/times";

type Entry = Pick<Schemas["AuditEntryView"], "kind" | "action" | "body">;
type Order = Record<string, unknown>;

/** What was asked, or why that cannot be told. */
export type Found = { order: Order } | { why: "long" | "secret" | "lost" | "many" };

/** The routes for many rigs, by a job's action. */
const ROUTES = {
  start: "/remote/start",
  stop: "/remote/stop",
  restart: "/remote/restart",
  pause: "/remote/pause",
  resume: "/remote/resume",
  deploy: "/remote/deploy",
  rollback: "/remote/rollback",
  schedule: "/remote/schedule",
  lock: "/remote/lock",
} as const;

const WHO = new Set(["peers", "filter", "dryRun"]);
/** What the journal writes in place of a secret. */
const HIDDEN = "…";
/** A job begins after it was asked, and its time is in whole seconds. */
const BEFORE_MS = 3000;
const AFTER_MS = 1000;

/** What was asked for in the one of `entries` that began a job of `action`. */
export function orderIn(entries: readonly Entry[], action: string): Found {
  const orders = new Map<string, Order>();
  for (const { kind, action: asked, body } of entries) {
    if (kind !== "asked" || asked !== `${action}_many`) continue;
    const order = bodyOf(body);
    if (order?.["dryRun"] === true) continue;
    if (!order || ("sha256" in order && "bytes" in order && Object.keys(order).length === 2)) return { why: "long" };
    if (holdsHidden(order)) return { why: "secret" };
    const kept = Object.fromEntries(Object.entries(order).filter(([name]) => !WHO.has(name)));
    orders.set(JSON.stringify(kept), kept);
  }
  const [only] = orders.values();
  if (!only) return { why: "lost" };
  return orders.size > 1 ? { why: "many" } : { order: only };
}

/** What was asked for to begin `job`. Takes the role operator. */
export async function orderOf(job: Pick<Schemas["JobView"], "action" | "createdAt">): Promise<Found> {
  const at = parsed(job.createdAt) ?? 0;
  const query = { action: `${job.action}_many`, since: at - BEFORE_MS, until: at + AFTER_MS + 1, limit: 1000 };
  return orderIn(await answerOf(api.GET("/audit", { params: { query } })), job.action);
}

/** Ask for `order` again, of these rigs. */
export async function askAgain(action: string, order: Order, peers: readonly string[]): Promise<Schemas["JobView"]> {
  const route = ROUTES[action as keyof typeof ROUTES];
  // each route has a body of its own; this one was taken by that route before
  const body = { ...order, peers } as never;
  return answerOf(api.POST(route, { body, params: { header: once() } }));
}

/** What is special about `order`, in a line: `minerName xmrig-1, resumeAfterS 60`. */
export function orderWords(order: Order): string {
  return Object.entries(order)
    .filter(([, value]) => value !== null && value !== "" && value !== false && !isEmpty(value))
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function bodyOf(body: string): Order | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Order) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether something was left out anywhere: a secret, or a text of which only the length is kept. */
function holdsHidden(value: unknown): boolean {
  if (typeof value === "string") return value.includes(HIDDEN);
  if (typeof value !== "object" || value === null) return false;
  const names = Object.keys(value);
  return (names.length === 1 && names[0] === "chars") || Object.values(value).some(holdsHidden);
}
