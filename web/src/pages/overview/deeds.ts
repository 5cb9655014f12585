/** What may help against an alert: a request that the page makes, or a place where one sees more. */

import { answerOf, api } from "../../api/requests";
import { once } from "../../api/once";
import type { Alert, AccessRole } from "../../live/live.svelte";
import { rigPath } from "../../router.svelte";
import { overview as t } from "../../texts";

/** A place to go to. */
export interface Link {
  label: string;
  href: string;
}

/** Something to do; it answers what to say when it is done. */
export interface Deed {
  label: string;
  role: AccessRole;
  run: () => Promise<string>;
}

const MINER_LOG = /^\/remote\/[^/]+\/logs\/(.+)$/;

/** The request of an alert's action, if it is one that this page knows to be of use. */
export function deedOf(alert: Alert): Deed | undefined {
  const { action, rig: peer, miner } = alert;
  if (!action || !peer) return undefined;
  const params = { path: { peer } };
  const request = `${action.method} ${action.path}`;
  if (request === `POST /remote/${peer}/restart` && miner) {
    return {
      label: t.deeds.restart,
      role: "operator",
      run: async () => {
        await answerOf(api.POST("/remote/{peer}/restart", { params: { ...params, header: once() }, body: { minerName: miner } }));
        return t.deeds.restarted(miner, alert.rigName);
      },
    };
  }
  const profileId = action.body?.["profileId"];
  if (request === `POST /remote/${peer}/deploy` && profileId) {
    return {
      label: t.deeds.deploy,
      role: "operator",
      run: async () => {
        await answerOf(api.POST("/remote/{peer}/deploy", { params: { ...params, header: once() }, body: { profileId } }));
        return t.deeds.deployed(alert.rigName, miner);
      },
    };
  }
  if (request === `POST /peers/${peer}/connect`) {
    return {
      label: t.deeds.connect,
      role: "operator",
      run: async () => {
        await answerOf(api.POST("/peers/{peer}/connect", { params }));
        return t.deeds.connecting(alert.rigName);
      },
    };
  }
  if (request === `GET /remote/${peer}/stats`) {
    return {
      label: t.deeds.look,
      role: "viewer",
      run: async () => {
        await answerOf(api.GET("/remote/{peer}/stats", { params }));
        return t.deeds.looked(alert.rigName);
      },
    };
  }
  return undefined;
}

/** Where one sees more, or does what wants a look first: comparing words before a node is approved. */
export function linkOf(alert: Alert): Link | undefined {
  if (alert.kind === "pairing" && !alert.rig) return { label: t.deeds.approve, href: "/nodes" };
  if (!alert.rig || !alert.action) return undefined;
  const log = alert.action.method === "GET" ? MINER_LOG.exec(alert.action.path ?? "") : null;
  if (log?.[1]) return { label: t.deeds.log, href: `${rigPath(alert.rig)}?tab=console&log=${encodeURIComponent(log[1])}` };
  return undefined;
}
