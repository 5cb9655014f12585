// Processes of a node's home: what lives there, and an end for it. Linux: read from /proc.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { until } from "./waiting.ts";

/** One living process. */
export interface Living {
  pid: number;
  words: string[];
}

/** Return every living process that runs in `home`, names it in its command line or has it in its environment. */
export function livingIn(home: string): Living[] {
  const found: Living[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const words = read(`/proc/${pid}/cmdline`).split("\0").filter((word) => word !== "");
    if (words.length === 0) continue; // a kernel thread, or one that has ended
    const named = read(`/proc/${pid}/environ`).split("\0").find((each) => each.startsWith("MINER_CTRL_HOME="));
    const places = [...words, ...words.map((word) => word.slice(word.indexOf("=") + 1)), cwd(pid), named?.slice(16) ?? ""];
    if (places.some((place) => place === home || place.startsWith(`${home}/`))) found.push({ pid, words });
  }
  return found;
}

/** Kill whatever lives in `home` and wait until nothing does. */
export async function endAllIn(home: string): Promise<void> {
  for (const each of livingIn(home)) signal(each.pid, "SIGKILL");
  await until(`nothing of ${home} to live`, () => livingIn(home).length === 0);
}

/** Send a signal; a process that has ended already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it ended meanwhile, or is another user's
  }
}

function cwd(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
