/** Addresses of the page. Filters, ranges and tabs stand in the query, so that a link shows what its sender saw. */

export type PageName = "overview" | "nodes" | "rig" | "profiles" | "profile" | "activity" | "settings" | "none";

export interface Route {
  page: PageName;
  /** What the address names: a rig's or a profile's ID, a part of a page. */
  id: string;
}

const PATTERNS: readonly [RegExp, PageName][] = [
  [/^\/$/, "overview"],
  [/^\/nodes$/, "nodes"],
  [/^\/rigs\/([^/]+)$/, "rig"],
  [/^\/profiles$/, "profiles"],
  [/^\/profiles\/([^/]+)$/, "profile"],
  [/^\/activity(?:\/([^/]+(?:\/[^/]+)?))?$/, "activity"],
  [/^\/settings(?:\/([^/]+))?$/, "settings"],
];

/** The route of a path; `/login` is the page behind it, once somebody has logged in. */
export function routeOf(path: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, "") || "/" : path;
  if (trimmed === "/login") return { page: "overview", id: "" };
  for (const [pattern, page] of PATTERNS) {
    const found = pattern.exec(trimmed);
    if (found) return { page, id: decoded(found[1] ?? "") };
  }
  return { page: "none", id: "" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function rigPath(id: string): string {
  return `/rigs/${encodeURIComponent(id)}`;
}

export function profilePath(id: string): string {
  return `/profiles/${encodeURIComponent(id)}`;
}

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  /** How often somebody went to an address; a change of the query where one is does not count. */
  visits = $state(0);
  #route = $derived(routeOf(this.path));
  #left = new Set<() => boolean>();

  get route(): Route {
    return this.#route;
  }

  /** Listen to the browser's back and forward, and to clicks on links of the page. */
  start(): () => void {
    const back = () => this.#read();
    const click = (event: MouseEvent) => this.#clicked(event);
    window.addEventListener("popstate", back);
    document.addEventListener("click", click);
    return () => {
      window.removeEventListener("popstate", back);
      document.removeEventListener("click", click);
    };
  }

  /** Go to an address of this page. */
  go(address: string): void {
    for (const may of this.#left) if (!may()) return;
    history.pushState(null, "", address);
    this.#read();
    window.scrollTo(0, 0);
  }

  /** Change the query where one is: `null` takes a name out. A new entry in the browser's history only with `push`. */
  set(changes: Record<string, string | null>, push = false): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const words = query.toString();
    history[push ? "pushState" : "replaceState"](null, "", this.path + (words ? `?${words}` : ""));
    this.query = query;
  }

  /** `may` is asked before the page is left by a link; `false` stays. Returns how to end that. */
  guard(may: () => boolean): () => void {
    this.#left.add(may);
    return () => this.#left.delete(may);
  }

  #read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    this.visits += 1;
  }

  #clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.pathname === "/metrics") return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();
