/** What can be done to a rig: one request each. */

import { type Schemas, answerOf, api } from "../../api/requests";
import { once } from "../../api/once";
import type { Alert } from "../../live/live.svelte";

const of = (peer: string) => ({ params: { path: { peer }, header: once() } });

type Command = Promise<Schemas["CommandView"]>;

/** Without `minerName`: all miners of the rig. */
export function stop(peer: string, minerName: string | null): Command {
  return answerOf(api.POST("/remote/{peer}/stop", { ...of(peer), body: { minerName } }));
}

export function restart(peer: string, minerName: string | null): Command {
  return answerOf(api.POST("/remote/{peer}/restart", { ...of(peer), body: { minerName } }));
}

export function pause(peer: string, minerName: string | null, resumeAfterS: number | null): Command {
  return answerOf(api.POST("/remote/{peer}/pause", { ...of(peer), body: { minerName, resumeAfterS } }));
}

export function resume(peer: string, minerName: string | null): Command {
  return answerOf(api.POST("/remote/{peer}/resume", { ...of(peer), body: { minerName } }));
}

/** `replace`: the miner that is to run the profile from now on. */
export function start(peer: string, profileId: string, replace: string | null = null): Command {
  return answerOf(api.POST("/remote/{peer}/start", { ...of(peer), body: { profileId, replace } }));
}

export async function deployProfile(peer: string, profileId: string): Promise<Schemas["DeployView"]> {
  // events come only where progress is asked for
  return (await answerOf(api.POST("/remote/{peer}/deploy", { ...of(peer), body: { profileId } }))) as Schemas["DeployView"];
}

/** A job, so that it goes on without this page and can be watched. */
export function deployProgram(peer: string, sha256: string, restart: boolean): Promise<Schemas["JobView"]> {
  return answerOf(
    api.POST("/remote/deploy", { params: { header: once() }, body: { peers: [peer], sha256, restart } }),
  );
}

export function rollBack(peer: string, minerType: string, restart: boolean): Promise<Schemas["DeployView"]> {
  return answerOf(api.POST("/remote/{peer}/rollback", { ...of(peer), body: { minerType, restart } }));
}

export function connect(peer: string): Promise<Schemas["StatusView"]> {
  return answerOf(api.POST("/peers/{peer}/connect", { params: { path: { peer } } }));
}

export function lookAgain(peer: string): Promise<Schemas["RigView"]> {
  return answerOf(api.GET("/remote/{peer}/stats", { params: { path: { peer } } }));
}

/** The deed that an alert proposes, where this page has it; what it proposes beyond that is shown as a command. */
export function proposed(alert: Alert): (() => Promise<unknown>) | undefined {
  const action = alert.action;
  const verb = action?.path?.split("/").at(-1);
  if (!action || !alert.rig) return undefined;
  if (action.method === "POST") {
    if (verb === "connect") return () => connect(alert.rig);
    if (verb === "restart") return () => restart(alert.rig, action.body?.["minerName"] ?? null);
    if (verb === "deploy" && action.body?.["profileId"]) return () => deployProfile(alert.rig, action.body?.["profileId"] ?? "");
  }
  if (action.method === "GET" && verb === "stats") return () => lookAgain(alert.rig);
  return undefined;
}
