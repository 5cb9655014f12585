/** A schedule in words. Pure. */

import type { Schemas } from "../../api/requests";
import { settings } from "../../texts";

const t = settings.schedule;

/** A rule as people say it: `Mon, Tue, 08:00–18:00: pause`. */
export function ruleWords(rule: Schemas["ScheduleRule"]): string {
  const days = rule.days.length === 7 ? t.daily : [...rule.days].sort((a, b) => a - b).map((day) => t.days[day] ?? "?").join(", ");
  return t.rule(days, minute(rule.startMinute), minute(rule.endMinute), t.what(rule.do));
}

function minute(of: number): string {
  return `${String(Math.floor(of / 60)).padStart(2, "0")}:${String(of % 60).padStart(2, "0")}`;
}
