/** How long what is kept: what the node takes. Pure. */

import type { Schemas } from "../../api/requests";
import { settings } from "../../texts";

type Kept = Schemas["RetentionView"];

export interface RetentionField {
  name: keyof Kept;
  text: "samples" | "minutes" | "hours" | "events";
  hours: boolean;
  min: number;
  max: number;
}

export const FIELDS: readonly RetentionField[] = [
  { name: "samplesHours", text: "samples", hours: true, min: 1, max: 744 },
  { name: "minutesDays", text: "minutes", hours: false, min: 1, max: 366 },
  { name: "hoursDays", text: "hours", hours: false, min: 7, max: 3660 },
  { name: "eventsDays", text: "events", hours: false, min: 1, max: 3660 },
];

/** Why the node will not take it; empty where it will. */
export function problemOf(kept: Kept): string {
  const t = settings.retention;
  for (const { name, text, hours, min, max } of FIELDS) {
    const value = kept[name];
    if (!(value >= min && value <= max)) return `${t[text]}: ${t.range(min, max, hours ? t.inHours : t.inDays)}.`;
  }
  return kept.samplesHours / 24 <= kept.minutesDays && kept.minutesDays <= kept.hoursDays ? "" : t.rule;
}

/** Whether something that is kept now will be deleted. */
export function isLess(now: Kept, before: Kept): boolean {
  return FIELDS.some(({ name }) => now[name] < before[name]);
}
