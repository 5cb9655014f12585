/** One deed for all rigs that have the same trouble. */

import { answerOf, api, type Schemas } from "../../api/requests";
import { once } from "../../api/once";
import type { Alert } from "../../live/live.svelte";
import { overview as t, undone } from "../../texts";
import { deedOf } from "./deeds";

/** A job for one miner's name (or one profile) on some rigs. */
interface Part {
  what: string;
  peers: string[];
}

export interface Bulk {
  label: string;
  /** What will happen. */
  text: string;
  /** Whether it can be undone; `null`: there is nothing to undo. */
  undo: string | null;
  /** The rigs, one line each. */
  list: string[];
  run: () => Promise<Begun>;
}

/** The IDs of jobs that go on, and what there is to say where it is none. */
export interface Begun {
  jobs: string[];
  said: string;
}

/** Rigs that call their miners by more names than this are seen to one by one. */
const MOST_PARTS = 8;
/** Rigs that are dialled one by one; they are dialled again by themselves anyway. */
const MOST_DIALLED = 100;
const DIALLED_AT_ONCE = 4;

export function bulkOf(alerts: readonly Alert[]): Bulk | undefined {
  const able = alerts.filter((alert) => !alert.easing && deedOf(alert));
  const path = able[0]?.action?.path ?? "";
  const rigs = new Map(able.map((alert) => [alert.rig, alert.rigName]));
  const list = able.map((alert) => (alert.miner ? `${alert.rigName}: ${alert.miner}` : alert.rigName));
  if (rigs.size < 2) return undefined;
  if (path.endsWith("/connect")) {
    if (rigs.size > MOST_DIALLED) return undefined;
    return { label: t.bulk.connect(rigs.size), text: t.bulk.connectText, undo: null, list, run: () => dialled([...rigs.keys()]) };
  }
  if (path.endsWith("/restart")) {
    const parts = partsOf(able, (alert) => alert.miner);
    if (!parts) return undefined;
    return {
      label: t.bulk.restart(able.length, rigs.size),
      text: t.bulk.restartText,
      undo: undone.restart,
      list,
      run: () =>
        begun(parts, ({ what, peers }) => answerOf(api.POST("/remote/restart", { params: { header: once() }, body: { minerName: what, peers } }))),
    };
  }
  if (path.endsWith("/deploy")) {
    const parts = partsOf(able, (alert) => alert.action?.body?.["profileId"] ?? "");
    if (!parts) return undefined;
    return {
      label: t.bulk.deploy(rigs.size),
      text: t.bulk.deployText,
      undo: undone.deploy,
      list,
      run: () =>
        begun(parts, ({ what, peers }) => answerOf(api.POST("/remote/deploy", { params: { header: once() }, body: { profileId: what, peers } }))),
    };
  }
  return undefined;
}

function partsOf(alerts: readonly Alert[], whatOf: (alert: Alert) => string): Part[] | undefined {
  const parts = new Map<string, Set<string>>();
  for (const alert of alerts) {
    const what = whatOf(alert);
    const peers = parts.get(what);
    if (peers) peers.add(alert.rig);
    else parts.set(what, new Set([alert.rig]));
  }
  if (parts.size > MOST_PARTS || parts.has("")) return undefined;
  return [...parts].map(([what, peers]) => ({ what, peers: [...peers] }));
}

async function begun(parts: readonly Part[], ask: (part: Part) => Promise<Schemas["JobView"]>): Promise<Begun> {
  const jobs: string[] = [];
  for (const part of parts) jobs.push((await ask(part)).id);
  return { jobs, said: "" };
}

async function dialled(peers: readonly string[]): Promise<Begun> {
  const left = [...peers];
  let failed = 0;
  const dial = async () => {
    for (let peer = left.pop(); peer; peer = left.pop()) {
      try {
        await answerOf(api.POST("/peers/{peer}/connect", { params: { path: { peer } } }));
      } catch {
        failed += 1; // its alert says why
      }
    }
  };
  await Promise.all(Array.from({ length: DIALLED_AT_ONCE }, dial));
  return { jobs: [], said: t.bulk.connected(peers.length - failed, failed) };
}
