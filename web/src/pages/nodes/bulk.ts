/** Commands to those selected: to how many, what is asked before, and how they are sent. */

import { type Schemas, answerOf, api } from "../../api/requests";
import { once } from "../../api/once";
import { nodes } from "../../texts";
import type { NodeRow } from "./peers.svelte";

const t = nodes.bulk;

export type Verb = "start" | "stop" | "restart" | "pause" | "resume" | "deploy";
/** What goes with a command: the profile of a start or a deploy, how long a pause lasts (left out: until it is resumed). */
export type Order = { profileId?: string; replace?: boolean; restart?: boolean; resumeAfterS?: number };

/** How long many rigs can be paused, in minutes; 0: until they are resumed. */
export const PAUSES: readonly number[] = [0, 15, 60, 240, 480, 1440];

/** Whom a command would be for. */
export interface Aim {
  /** Rigs, also those that are offline. */
  rigs: NodeRow[];
  /** Selected, and no rigs. */
  others: number;
  offline: number;
  /** Miners that it would be for. */
  miners: number;
}

export function aimOf(verb: Verb, rows: readonly NodeRow[]): Aim {
  const rigs = rows.filter((row) => !row.peer);
  return {
    rigs,
    others: rows.length - rigs.length,
    offline: rigs.filter((row) => !row.connected).length,
    miners: rigs.reduce((sum, row) => sum + (verb === "pause" ? row.mining : row.miners), 0),
  };
}

export function titleOf(verb: Verb, aim: Aim): string {
  return t.titles[verb](aim.miners, aim.rigs.length);
}

export function textOf(verb: Verb, aim: Aim): string {
  const said = verb === "start" || verb === "deploy" ? "" : t.texts[verb];
  return (said + t.offline(aim.offline) + t.left(aim.others)).trim();
}

/** Send it, or with `dryRun` only ask whom it would be for. */
export function send(verb: Verb, peers: string[], order: Order | undefined, dryRun = false): Promise<Schemas["JobView"]> {
  const params = { header: once() };
  switch (verb) {
    case "start":
      return answerOf(
        api.POST("/remote/start", { params, body: { peers, dryRun, profileId: order?.profileId ?? "", ...(order?.replace ? { replace: "*" } : {}) } }),
      );
    case "deploy":
      return answerOf(api.POST("/remote/deploy", { params, body: { peers, dryRun, profileId: order?.profileId ?? "", restart: order?.restart ?? false } }));
    case "pause":
      return answerOf(api.POST("/remote/pause", { params, body: { peers, dryRun, ...(order?.resumeAfterS ? { resumeAfterS: order.resumeAfterS } : {}) } }));
    case "stop":
      return answerOf(api.POST("/remote/stop", { params, body: { peers, dryRun } }));
    case "restart":
      return answerOf(api.POST("/remote/restart", { params, body: { peers, dryRun } }));
    case "resume":
      return answerOf(api.POST("/remote/resume", { params, body: { peers, dryRun } }));
  }
}

/** What takes back a command, and for which rigs: those that were as it makes them already stay so. */
export function undoOf(verb: Verb, aim: Aim): { verb: Verb; peers: string[] } | undefined {
  if (verb === "pause") return { verb: "resume", peers: aim.rigs.filter((row) => row.state !== "paused").map((row) => row.id) };
  if (verb === "resume") return { verb: "pause", peers: aim.rigs.filter((row) => row.state === "paused").map((row) => row.id) };
  return undefined;
}

/** Tags as they are typed, with commas between. */
export function tagsOf(typed: string): string[] {
  return [...new Set(typed.split(",").map((tag) => tag.trim()).filter(Boolean))];
}

/** The tags of a peer with some added and some taken off. */
export function retagged(tags: readonly string[], add: readonly string[], remove: readonly string[]): string[] {
  return [...new Set([...tags.filter((tag) => !remove.includes(tag)), ...add])];
}
