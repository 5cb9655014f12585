/** What a tab of the browser says: which page it shows, and how many rigs need somebody. Pure. */

import { whole } from "../format/whole";
import type { Route } from "../router.svelte";
import { shell as t } from "../texts";

const NAMES: Readonly<Record<Route["page"], string>> = {
  overview: t.overview,
  nodes: t.nodes,
  rig: t.nodes,
  profiles: t.profiles,
  profile: t.profiles,
  activity: t.activity,
  settings: t.settings,
  none: t.notFound.title,
};

/** `(2) rig-beta · miner-ctrl`: what needs somebody comes first, for a tab is narrow. */
export function titleOf(route: Route, rig: string | undefined, attention: number): string {
  const name = (route.page === "rig" && rig) || NAMES[route.page];
  return `${attention ? `(${whole(attention)}) ` : ""}${name} · ${t.product}`;
}
