/** What needs attention, in the order in which it is listed. Pure: alerts in, entries out. */

import { folded } from "../../format/folded";
import { finding } from "../../parts/find/found";
import type { Alert } from "../../live/live.svelte";

/** One alert, or several rigs with the same trouble. `key` stays while the entry does. */
export interface Entry {
  key: string;
  kind: Alert["kind"];
  alerts: Alert[];
  /** IDs of alerts that are over, and keep their place while somebody reads or aims here. */
  over: ReadonlySet<string>;
  grouped: boolean;
}

const RANK: Record<Alert["severity"], number> = { critical: 0, warning: 1, notice: 2 };
/** From this many rigs on the same trouble is one entry, and stays one until fewer than `GROUPED_UNTIL` have it. */
export const GROUPED_FROM = 5;
export const GROUPED_UNTIL = 3;

const NONE: ReadonlySet<string> = new Set();

/** The worst first; of those as bad, what came last. */
function byUrgency(a: Alert, b: Alert): number {
  return RANK[a.severity] - RANK[b.severity] || b.sinceMs - a.sinceMs || (a.id < b.id ? -1 : 1);
}

function groupKey(alert: Alert): string {
  return `${alert.severity} ${alert.kind}`;
}

/** The entries of `alerts`. `before` are those that were shown: what is grouped stays so at the border. */
export function entriesOf(alerts: Iterable<Alert>, before: readonly Entry[] = []): Entry[] {
  const groups = new Map<string, Alert[]>();
  for (const alert of [...alerts].sort(byUrgency)) {
    const key = groupKey(alert);
    const group = groups.get(key);
    if (group) group.push(alert);
    else groups.set(key, [alert]);
  }
  const grouped = new Set(before.filter((entry) => entry.grouped).map((entry) => entry.key));
  const entries: Entry[] = [];
  for (const [key, group] of groups) {
    const kind = (group[0] as Alert).kind;
    if (kind !== "pairing" && group.length >= (grouped.has(key) ? GROUPED_UNTIL : GROUPED_FROM)) {
      entries.push({ key, kind, alerts: group, over: NONE, grouped: true });
    } else {
      for (const alert of group) entries.push({ key: alert.id, kind, alerts: [alert], over: NONE, grouped: false });
    }
  }
  return entries.sort((a, b) => byUrgency(a.alerts[0] as Alert, b.alerts[0] as Alert));
}

/**
 * `before` as it stands, with what is known now: nothing moves, what is over stays and says so, and what is new comes
 * last. For while a pointer or the focus is in the list.
 */
export function held(alerts: ReadonlyMap<string, Alert>, before: readonly Entry[]): Entry[] {
  const placed = new Set<string>();
  const kept = before.map((entry) => {
    const over = new Set<string>();
    const now = entry.alerts.map((alert) => {
      placed.add(alert.id);
      const found = alerts.get(alert.id);
      if (!found) over.add(alert.id);
      return found ?? alert;
    });
    return { ...entry, alerts: now, over };
  });
  const keys = new Map(kept.filter((entry) => entry.grouped).map((entry) => [entry.key, entry]));
  const fresh: Alert[] = [];
  for (const alert of alerts.values()) {
    if (placed.has(alert.id)) continue;
    const group = keys.get(groupKey(alert));
    if (group) group.alerts.push(alert);
    else fresh.push(alert);
  }
  return [...kept, ...entriesOf(fresh)];
}

/** How many things stand: those that are over do not count. */
export function standing(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.alerts.length - entry.over.size, 0);
}

/** The entries of which something has what is typed, each with those alerts alone; one that is left stands for itself. Nothing changes its place. */
export function narrowed(entries: readonly Entry[], typed: string): readonly Entry[] {
  const found = finding(typed);
  if (!found) return entries;
  return entries.flatMap((entry) => {
    const alerts = entry.alerts.filter((alert) => found(folded([alert.rigName, alert.rig, alert.kind, alert.text, alert.suggestion, alert.miner].join("\n"))));
    const over = new Set(alerts.flatMap(({ id }) => (entry.over.has(id) ? [id] : [])));
    return alerts.length ? [{ ...entry, alerts, over, grouped: alerts.length > 1 }] : [];
  });
}

/** How many alerts are in entries, those that are over too: they stand there. */
export function counted(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.alerts.length, 0);
}
