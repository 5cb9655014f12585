// What the tests take from outside: where the checkout is, which Python and which Chromium to start, where evidence goes.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** The checkout. */
export const ROOT = resolve(import.meta.dirname, "..", "..");

/** The interpreter that has miner-ctrl. */
export const PYTHON = process.env["MINER_CTRL_PYTHON"] ?? join(ROOT, ".venv", "bin", "python");

/** Where a failing test leaves its screenshot and the page's console. */
export const EVIDENCE = process.env["MINER_CTRL_EVIDENCE"] ?? join(ROOT, ".cache", "browser");

/** The Chromium to start: the one that is named, or the machine's own. */
export function chromiumProgram(): string {
  const named = process.env["CHROMIUM"];
  const program = named === undefined || named === "" ? "/usr/bin/chromium" : named;
  if (!existsSync(program)) {
    throw new Error(`There is no Chromium at ${program}. Name one: CHROMIUM=$(.venv/bin/python -m tests.components.chromium)`);
  }
  return program;
}
