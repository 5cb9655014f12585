// Runs a TypeScript program of this folder: `node browser/run.mjs screenshots.ts …`; older Node.js does not by itself.
import { join } from "node:path";
import { runnerImport } from "vite";

const [name = "", ...words] = process.argv.slice(2);
process.argv.splice(1, process.argv.length, join(import.meta.dirname, name), ...words);
await runnerImport(join(import.meta.dirname, name), { root: import.meta.dirname, configFile: false, logLevel: "error" });
