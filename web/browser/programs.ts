// The real miner programs that the tests of the repository know how to get (`tests/components`).
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PYTHON, ROOT } from "./surroundings.ts";

const WITHIN_MS = 180_000;

/** Return the path of a real XMRig to start. */
export function xmrig(): Promise<string> {
  return printed(["tests.components.xmrig"]);
}

/** Write the real XMRig as an archive to `folder`, `megabytes` larger than it is, and return its path. */
export function xmrigArchive(folder: string, version: string, megabytes = 0): Promise<string> {
  return printed(["tests.components.xmrig_bundle", folder, version, String(megabytes)]);
}

async function printed(words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(PYTHON, ["-m", ...words], { cwd: ROOT, timeout: WITHIN_MS });
  return stdout.trim();
}
