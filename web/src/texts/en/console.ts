import { whole } from "../../format/whole";
import { count } from "./common";

/** Words of the log view; `console` is a name of the browser's. */
export const logView = {
  log: (of: string) => `Log of ${of}`,
  search: "Find in the log",
  next: "Next match",
  previous: "Previous match",
  matches: (at: number, all: number) => (all ? `${whole(at)} of ${whole(all)}` : "none"),
  only: "Only lines that match",
  follow: "Follow the end",
  pause: "Pause",
  resume: "Go on",
  fresh: (n: number) => count(n, "new line"),
  wrap: "Wrap long lines",
  times: "Times",
  copy: "Copy the log",
  copied: "Copied",
  copyFailed: "The browser does not let this page copy: download it instead.",
  download: "Download as a text file",
  waiting: "Waiting for the log…",
  empty: "This miner has written nothing yet.",
  noMatch: "No line matches.",
  skipped: (lines: number, bytes: number) =>
    lines ? `${count(lines, "line")} left out here: they came faster than they could be shown` : `${count(bytes, "byte")} left out here: they came faster than they could be sent`,
  broken: "The connection was lost here: lines may be missing",
  ended: (reason: string) => `The log ends here: ${reason}`,
  endedPlain: "The log ends here.",
  older: (n: number) => `${count(n, "older line")} not kept`,
  longer: (n: number) => ` … ${count(n, "character")} more`,
};
