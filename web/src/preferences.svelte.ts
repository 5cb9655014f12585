/** What this browser remembers: how the page looks, and nothing else. */

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";

const PREFIX = "miner-ctrl.";

/** What was remembered under `name`, or `fallback` where there is nothing, or nothing that `valid` lets through. */
export function remembered<T>(name: string, fallback: T, valid: (value: unknown) => value is T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    return valid(value) ? value : fallback;
  } catch {
    return fallback; // storage is off, or somebody else wrote there
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // storage is off or full: it is asked again next time
  }
}

function oneOf<T extends string>(...values: T[]): (value: unknown) => value is T {
  return (value): value is T => values.includes(value as T);
}

class Preferences {
  theme = $state<Theme>(remembered("theme", "system", oneOf<Theme>("system", "light", "dark")));
  density = $state<Density>(remembered("density", "comfortable", oneOf<Density>("comfortable", "compact")));
  /** Whether keys without a modifier do something (WCAG 2.1.4: who dictates to the machine turns them off). */
  singleKeys = $state<boolean>(remembered("singleKeys", true, (value) => typeof value === "boolean"));
  #systemDark = $state(matchMedia("(prefers-color-scheme: dark)").matches);

  constructor() {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => (this.#systemDark = event.matches));
  }

  /** The theme that is shown. */
  get shown(): "light" | "dark" {
    if (this.theme !== "system") return this.theme;
    return this.#systemDark ? "dark" : "light";
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    remember("theme", theme);
  }

  setSingleKeys(on: boolean): void {
    this.singleKeys = on;
    remember("singleKeys", on);
  }

  setDensity(density: Density): void {
    this.density = density;
    remember("density", density);
  }
}

export const preferences = new Preferences();
