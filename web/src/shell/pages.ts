/** The pages: each is loaded when it is first opened. */

import Activity from "@lucide/svelte/icons/activity";
import FileCog from "@lucide/svelte/icons/file-cog";
import LayoutGrid from "@lucide/svelte/icons/layout-grid";
import Server from "@lucide/svelte/icons/server";
import Settings from "@lucide/svelte/icons/settings";
import type { Component } from "svelte";
import type { PageName } from "../router.svelte";
import { shell as t } from "../texts";

export interface PageProps {
  /** What the address names; empty where it names nothing. */
  id: string;
}
export type Loaded = { default: Component<PageProps> };

/** A page that heeds no `id` is a page. */
const page = (module: Promise<{ default: unknown }>) => module as Promise<Loaded>;

export const LOADERS: Record<Exclude<PageName, "none">, () => Promise<Loaded>> = {
  overview: () => page(import("../pages/overview/Overview.svelte")),
  nodes: () => page(import("../pages/nodes/Nodes.svelte")),
  rig: () => page(import("../pages/rig/Rig.svelte")),
  profiles: () => page(import("../pages/profiles/Profiles.svelte")),
  profile: () => page(import("../pages/profiles/Profile.svelte")),
  activity: () => page(import("../pages/activity/Activity.svelte")),
  settings: () => page(import("../pages/settings/Settings.svelte")),
};

const IDLE_WITHIN_MS = 3000;

/** Load every page once the browser has nothing else to do: each then opens at once, also while the node is away. */
export function loadWhenIdle(): void {
  const load = () => {
    for (const each of Object.values(LOADERS)) each().catch(() => undefined); // who opens it is told
  };
  if ("requestIdleCallback" in window) requestIdleCallback(load, { timeout: IDLE_WITHIN_MS });
  else setTimeout(load, IDLE_WITHIN_MS);
}

/** What the navigation lists, and which pages are part of it. */
export const ENTRIES: readonly { href: string; label: string; icon: Component<{ size?: number | string }>; pages: readonly PageName[] }[] = [
  { href: "/", label: t.overview, icon: LayoutGrid, pages: ["overview"] },
  { href: "/nodes", label: t.nodes, icon: Server, pages: ["nodes", "rig"] },
  { href: "/profiles", label: t.profiles, icon: FileCog, pages: ["profiles", "profile"] },
  { href: "/activity", label: t.activity, icon: Activity, pages: ["activity"] },
  { href: "/settings", label: t.settings, icon: Settings, pages: ["settings"] },
];
