/** The pages: each is loaded when it is first opened. */

import Activity from "@lucide/svelte/icons/activity";
import FileCog from "@lucide/svelte/icons/file-cog";
import LayoutGrid from "@lucide/svelte/icons/layout-grid";
import Server from "@lucide/svelte/icons/server";
import Settings from "@lucide/svelte/icons/settings";
import type { Component } from "svelte";
import { type PageName, routeOf } from "../router.svelte";
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

/**
 * Begin to load the page that a link leads to: it is pointed at, or has the focus. A visit loads what it shows, and not
 * the pages that nobody opens.
 */
export function aimedAt(target: EventTarget | null): void {
  const link = target instanceof Element ? target.closest("a") : null;
  if (link?.origin !== location.origin) return;
  const { page: name } = routeOf(link.pathname);
  if (name !== "none") LOADERS[name]().catch(() => undefined); // who opens it is told
}

/** What the navigation lists, and which pages are part of it. */
export const ENTRIES: readonly { href: string; label: string; icon: Component<{ size?: number | string }>; pages: readonly PageName[] }[] = [
  { href: "/", label: t.overview, icon: LayoutGrid, pages: ["overview"] },
  { href: "/nodes", label: t.nodes, icon: Server, pages: ["nodes", "rig"] },
  { href: "/profiles", label: t.profiles, icon: FileCog, pages: ["profiles", "profile"] },
  { href: "/activity", label: t.activity, icon: Activity, pages: ["activity"] },
  { href: "/settings", label: t.settings, icon: Settings, pages: ["settings"] },
];
