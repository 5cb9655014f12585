// Fleets to look at: three rigs with real sessions, or as many as one likes from a simulation.
import { spawn, type ChildProcess } from "node:child_process";
import { Nodes, type TestNode } from "./node.ts";
import { PYTHON, ROOT } from "./surroundings.ts";
import { Fatal, until } from "./waiting.ts";

/** A node that serves the page, and what there is to see at it. */
export interface Farm {
  /** Short, for names of files: `3`, `1000`. */
  readonly name: string;
  readonly origin: string;
  /** IDs of its rigs, some of them. */
  readonly rigs: readonly string[];
  /** IDs of its profiles. */
  readonly profiles: readonly string[];
  end(): Promise<void>;
}

interface Peer {
  id: string;
  name: string;
}

const RIGS: readonly (readonly [name: string, tags: readonly string[], threads: number])[] = [
  ["rig-alpha", ["cellar", "amd"], 8],
  ["rig-beta", ["cellar"], 4],
  ["rig-gamma", ["attic"], 12],
];

/** Three rigs that mine with simulated miners, each a node of its own. */
export async function threeRigs(): Promise<Farm> {
  const nodes = new Nodes();
  try {
    const controller = await nodes.controller();
    await Promise.all(RIGS.map(([name]) => nodes.rig(controller, name)));
    const profiles = await startAll(controller);
    const rigs = (await controller.ask<Peer[]>("GET", "/peers")).map((peer) => peer.id);
    return { name: "3", origin: controller.origin, rigs, profiles, end: () => nodes.end() };
  } catch (error) {
    await nodes.end();
    throw error;
  }
}

async function startAll(controller: TestNode): Promise<string[]> {
  const made: string[] = [];
  for (const [name, tags, threads] of RIGS) {
    await controller.ask("PATCH", `/peers/${name}`, { tags });
    const config = { pool: "pool.example:3333", wallet: "4".padEnd(95, "8xyz"), algo: "rx/0", threads };
    const profile = await controller.ask<{ id: string }>("POST", "/profiles", {
      name: `monero-${threads}`, minerType: "simulated", config,
    });
    made.push(profile.id);
    await controller.ask("POST", `/remote/${name}/start`, { profileId: profile.id });
  }
  await until("every rig to mine", async () => {
    const totals = await controller.ask<{ mining: number; hashrate: Record<string, number> }>("GET", "/fleet/totals");
    return totals.mining === RIGS.length && Object.values(totals.hashrate).some((rate) => rate > 0);
  });
  return made;
}

/** `count` rigs of a simulation, with a history and much that goes wrong; `more` are its further options. */
export async function simulatedRigs(count: number, ...more: string[]): Promise<Farm> {
  const words = ["-m", "benches.page_fleet", "--rigs", String(count), "--quiet", ...more];
  const child = spawn(PYTHON, words, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] }); // it ends with its standard input
  let [said, complained] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complained = (complained + text).slice(-4000)));
  try {
    const origin = await until(`${count} rigs`, () => {
      if (child.exitCode !== null) throw new Fatal(`benches.page_fleet ended: ${complained}`);
      return said.includes("\n") && (JSON.parse(said.split("\n")[0] ?? "") as { url: string }).url;
    }, 240_000);
    const rigs = (await get<Peer[]>(origin, "/fleet?limit=100")).map((rig) => rig.id);
    const profiles = (await get<Peer[]>(origin, "/profiles")).map((profile) => profile.id);
    return { name: String(count), origin, rigs, profiles, end: () => ended(child) };
  } catch (error) {
    await ended(child);
    throw error;
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  if (isOver()) return;
  child.kill("SIGTERM");
  await until("the simulation to end", isOver, 20_000).catch(() => child.kill("SIGKILL"));
}

async function get<T>(origin: string, path: string): Promise<T> {
  const answer = await fetch(`${origin}/api/v1/mining${path}`, { signal: AbortSignal.timeout(30_000) });
  if (!answer.ok) throw new Error(`GET ${path} answered ${answer.status}`);
  return (await answer.json()) as T;
}
