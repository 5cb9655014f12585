// What there is to look at: the pages, the widths and themes they are looked at in, and when one has settled.
import type { BrowserContextOptions, Page } from "playwright-core";
import type { Farm } from "./farm.ts";

/** A page of the page. */
export interface Seen {
  name: string;
  path(farm: Farm): string;
  /** What stands there once there is something to read. */
  useful: string;
}

const HEADING = "main h1";

export const PAGES: readonly Seen[] = [
  { name: "overview", path: () => "/", useful: HEADING },
  { name: "nodes", path: () => "/nodes", useful: HEADING },
  { name: "rig", path: (farm) => `/rigs/${farm.rigs[0] ?? ""}`, useful: HEADING },
  { name: "profiles", path: () => "/profiles", useful: HEADING },
  { name: "profile", path: (farm) => `/profiles/${farm.profiles[0] ?? ""}`, useful: HEADING },
  { name: "activity", path: () => "/activity", useful: HEADING },
  { name: "settings", path: () => "/settings", useful: HEADING },
];

const rig = (tab: string) => (farm: Farm) => `/rigs/${farm.rigs[0] ?? ""}?tab=${tab}`;
const profile = (tab: string) => (farm: Farm) => `/profiles/${farm.profiles[0] ?? ""}?show=${tab}`;

/** What lies behind the tabs of the pages, and the dialogs that have an address. */
export const PARTS: readonly Seen[] = [
  { name: "nodes-token", path: () => "/nodes?add=token", useful: "dialog h2" },
  { name: "nodes-address", path: () => "/nodes?add=address", useful: "dialog h2" },
  { name: "rig-console", path: rig("console"), useful: HEADING },
  { name: "rig-machine", path: rig("machine"), useful: HEADING },
  { name: "rig-plan", path: rig("plan"), useful: HEADING },
  { name: "rig-journal", path: rig("journal"), useful: HEADING },
  { name: "profile-new", path: () => "/profiles/new", useful: HEADING },
  { name: "profile-uses", path: profile("uses"), useful: HEADING },
  { name: "profile-versions", path: profile("versions"), useful: HEADING },
  { name: "activity-audit", path: () => "/activity/audit", useful: HEADING },
  { name: "activity-events", path: () => "/activity/events", useful: HEADING },
  { name: "settings-access", path: () => "/settings/access", useful: HEADING },
  { name: "settings-history", path: () => "/settings/history", useful: HEADING },
  { name: "settings-appearance", path: () => "/settings/appearance", useful: HEADING },
  { name: "settings-about", path: () => "/settings/about", useful: HEADING },
];

export const SIZES = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
] as const;

export const THEMES = ["light", "dark"] as const;

export interface Look {
  size: (typeof SIZES)[number];
  theme: (typeof THEMES)[number];
}

/** Every width in both themes. */
export const LOOKS: readonly Look[] = SIZES.flatMap((size) => THEMES.map((theme) => ({ size, theme })));

/** The two that differ most, for what is looked at less often. */
export const WIDEST_AND_NARROWEST: readonly Look[] = [{ size: SIZES[0], theme: "light" }, { size: SIZES[2], theme: "dark" }];

/** A context in which the page is seen so, with nothing that moves. */
export function contextOf({ size, theme }: Look): BrowserContextOptions {
  const phone = size.width < 640;
  return { viewport: size, colorScheme: theme, reducedMotion: "reduce", isMobile: phone, hasTouch: phone };
}

/** Wait until there is something to read, nothing loads any more, and what has come is painted. */
export async function settled(page: Page, useful = HEADING): Promise<void> {
  await page.locator(useful).first().waitFor();
  await page.waitForFunction(() => {
    const loading = [...document.querySelectorAll("[aria-busy='true'], .loading")].some((each) => each.checkVisibility());
    return !loading && document.fonts.status === "loaded";
  });
  await page.waitForFunction(() => document.getAnimations().every((each) => each.playState !== "running"));
  await page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))));
}
