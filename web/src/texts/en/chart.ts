import { count } from "./common";

export const chart = {
  at: "At",
  now: "Last",
  nothing: "Nothing was recorded in this time.",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  reset: "Whole range",
  table: "Show as a table",
  tableTitle: (what: string) => `${what}, as a table`,
  time: "Time",
  offline: "offline",
  offlineWhy: (reason: string) => (reason ? `offline: ${reason}` : "offline"),
  gap: "nothing known",
  hint: "Arrow keys move along the time, + and − zoom, 0 shows the whole range.",
  events: "Events on the chart",
  eventCount: (n: number) => count(n, "event"),
  moreEvents: (n: number) => `and ${count(n, "more", "more")}`,
  chooseEvent: "Point at a mark to read what happened.",
  by: (who: string) => `by ${who}`,
  line: (name: string, last: string, mean: string, least: string, most: string) =>
    `${name}: last ${last}, on average ${mean}, between ${least} and ${most}.`,
  lineUnknown: (name: string) => `${name}: nothing known.`,
  offlineFor: (words: string) => `Offline for ${words}.`,
  moreLines: (n: number) => `${count(n, "further line")} in the table.`,
};
