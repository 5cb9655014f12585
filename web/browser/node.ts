// Real nodes, started as a user starts them: each a home of its own, its commands run through the command line.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endAllIn, livingIn, type Living } from "./processes.ts";
import { PYTHON, ROOT } from "./surroundings.ts";
import { Fatal, SOON_MS, until } from "./waiting.ts";

const BASE = "/api/v1/mining";

/** How a command ended. */
export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** What a node answers about itself, as far as it is read here. */
export interface NodeInfo {
  identity: { id: string; fingerprint: string; words: string };
  addresses: string[];
  apiAddresses: string[];
  serving: boolean;
}

/** One node: its home, its commands, and its process while it serves. */
export class TestNode {
  readonly home: string;
  readonly name: string;
  /** `http://127.0.0.1:PORT` once it has served the API there. */
  origin = "";
  /** Where peers dial it, once it has served. */
  address = "";
  #process: ChildProcess | undefined;
  #demands: string[] = [];
  readonly #environment: NodeJS.ProcessEnv;

  /** `more`: what its environment has beyond that of the tests. */
  constructor(folder: string, name: string, more: NodeJS.ProcessEnv = {}) {
    this.home = join(folder, name);
    this.name = name;
    this.#environment = { ...process.env, PYTHONUNBUFFERED: "1", ...more };
  }

  /** Run a command of this node's to its end. */
  async cli(words: string[], stdin = ""): Promise<Ended> {
    const child = spawn(PYTHON, this.#command(words), { cwd: ROOT, env: this.#environment, stdio: "pipe" });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.stdin.on("error", () => undefined); // it ended without reading
    child.stdin.end(stdin);
    const code = await new Promise<number>((done, fail) => {
      child.on("error", fail).on("close", (ended) => done(ended ?? -1));
    });
    return { code, ...said };
  }

  /** Run a command that must succeed and return what it printed. */
  async done(words: string[], stdin = ""): Promise<string> {
    const ended = await this.cli(words, stdin);
    if (ended.code !== 0) throw new Error(`miner-ctrl ${words.join(" ")} ended with ${ended.code}: ${ended.err}`);
    return ended.out;
  }

  /** Make its identity. */
  async init(role: "controller" | "worker" | "dual"): Promise<void> {
    await this.done(["node", "init", "--name", this.name, "--role", role]);
  }

  /** Serve with the API at a port of this machine; again as it served before, if it did. Resolves once it answers. */
  async serve(...more: string[]): Promise<void> {
    const api = this.origin === "" ? "127.0.0.1:0" : new URL(this.origin).host;
    const listen = this.address === "" ? "127.0.0.1:0" : this.address;
    if (more.length > 0) this.#demands = more;
    await this.#run(["node", "serve", "--listen", listen, "--api", api, ...this.#demands], "");
  }

  /** Serve from the first start on, and make its identity then: what `init` and `serve` do, with one process less. */
  async initAndServe(role: "controller" | "worker" | "dual"): Promise<void> {
    await this.#run(["node", "serve", "--no-init", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"], "", async () => {
      await this.ask("POST", "/node/init", { name: this.name, role });
    });
  }

  /** Join with a token as a rig does, by the command that the page shows, and go on serving; the rig has no port for the API. */
  async joinAndServe(token: string, command = "miner-ctrl node join - --serve"): Promise<void> {
    const [program, ...words] = command.split(" ");
    if (program !== "miner-ctrl") throw new Error(`that is no command of miner-ctrl: ${command}`);
    await this.#run([...words, "--name", this.name, "--listen", "127.0.0.1:0", "--no-api"], `${token}\n`);
  }

  /** Serve without a port for the API, where it served before. */
  async serveAsRig(): Promise<void> {
    const listen = this.address === "" ? "127.0.0.1:0" : this.address;
    await this.#run(["node", "serve", "--listen", listen, "--no-api"], "");
  }

  /** Ask its API through its local socket, as the command line does; a refusal is an error. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const said = await answered(join(this.home, "run", "node.sock"), method, BASE + path, body);
    if (said.status >= 400) throw new Error(`${method} ${path} answered ${said.status}: ${said.text}`);
    return JSON.parse(said.text) as T;
  }

  /** Return a new join token for a rig. */
  async invite(): Promise<string> {
    const invite = await this.ask<{ token: string }>("POST", "/invites", { for: "rig", address: [this.address] });
    return invite.token;
  }

  /** Return what it says about itself. */
  async info(): Promise<NodeInfo> {
    return this.ask<NodeInfo>("GET", "/node/info");
  }

  /** Return whether it has a session with the peer of that name. */
  async isConnected(peer: string): Promise<boolean> {
    return (await this.ask<{ connected: boolean }>("GET", `/peers/${peer}`)).connected;
  }

  /** Return the living processes of its home: the node, keepers, miners. */
  processes(): Living[] {
    return livingIn(this.home);
  }

  /** End the node at once, as a crash does; its miners go on. */
  async kill(): Promise<void> {
    await this.#ended("SIGKILL");
  }

  /** End the node in order; its miners go on. */
  async stop(): Promise<void> {
    await this.#ended("SIGTERM");
  }

  /** Return what the node has logged in all its lives. */
  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, "utf8") : "";
  }

  /** End the node, its miners and their keepers. */
  async end(): Promise<void> {
    if (this.#process !== undefined) await this.#ended("SIGTERM");
    await endAllIn(this.home);
  }

  get #logFile(): string {
    return `${this.home}.log`;
  }

  #command(words: string[]): string[] {
    return ["-m", "miner_ctrl", "--home", this.home, ...words];
  }

  async #run(words: string[], stdin: string, once?: () => Promise<void>): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.name} serves already`);
    const log = openSync(this.#logFile, "a");
    const child = spawn(PYTHON, this.#command(words), { cwd: ROOT, env: this.#environment, stdio: ["pipe", log, log] });
    closeSync(log);
    child.stdin?.on("error", () => undefined); // it ended at once: the wait below tells why
    child.stdin?.end(stdin);
    this.#process = child;
    const check = () => {
      if (child.exitCode !== null) throw new Fatal(`${this.name} ended: ${this.log().slice(-1000)}`);
    };
    if (once !== undefined) {
      await until(`${this.name} to answer`, async () => (check(), await this.info()));
      await once();
    }
    const info = await until(`${this.name} to serve`, async () => {
      check();
      const said = await this.info();
      return said.serving ? said : null;
    });
    this.address = info.addresses[0] ?? "";
    if (words.includes("--api")) this.origin = info.apiAddresses[0] ?? "";
  }

  async #ended(how: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) throw new Error(`${this.name} does not serve`);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(how);
    await until(`${this.name} to end`, () => child.exitCode !== null || child.signalCode !== null).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw error;
    });
  }
}

/** A folder for the homes of a test, and the nodes in it. */
export class Nodes {
  readonly folder = mkdtempSync(join(tmpdir(), "mc-browser-"));
  readonly all: TestNode[] = [];

  /** Return a node that has neither identity nor process yet. */
  add(name: string, more: NodeJS.ProcessEnv = {}): TestNode {
    const node = new TestNode(this.folder, name, more);
    mkdirSync(node.home, { recursive: true });
    this.all.push(node);
    return node;
  }

  /** Return a controller that serves. */
  async controller(name = "control-center"): Promise<TestNode> {
    const node = this.add(name);
    await node.initAndServe("controller");
    return node;
  }

  /** Return a controller that asks everybody who they are; `logins` are names, each with its role and password. */
  async guardedController(logins: Readonly<Record<string, readonly [role: string, password: string]>>): Promise<TestNode> {
    const node = this.add("control-center");
    await node.init("controller");
    for (const [name, [role, password]] of Object.entries(logins)) {
      await node.done(["login", "set", name, "--role", role], `${password}\n`);
    }
    await node.serve("--api-auth");
    return node;
  }

  /** Return a rig that has joined `controller` and has a session with it. */
  async rig(controller: TestNode, name: string, more: NodeJS.ProcessEnv = {}): Promise<TestNode> {
    const node = this.add(name, more);
    await node.joinAndServe(await controller.invite());
    await until(`${name} to be connected`, () => controller.isConnected(name), SOON_MS);
    return node;
  }

  /** End all of them and delete what they wrote. */
  async end(): Promise<void> {
    const ended = await Promise.allSettled(this.all.map((node) => node.end()));
    rmSync(this.folder, { recursive: true, force: true });
    const failed = ended.filter((each) => each.status === "rejected");
    if (failed[0] !== undefined) throw failed[0].reason;
  }
}

function answered(
  socketPath: string, method: string, path: string, body: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = text === "" ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const asked = request({ socketPath, method, path, headers, timeout: SOON_MS }, (response) => {
      let said = "";
      response.setEncoding("utf8").on("data", (part: string) => (said += part));
      response.on("end", () => done({ status: response.statusCode ?? 0, text: said })).on("error", fail);
    });
    asked.on("timeout", () => asked.destroy(new Error(`${method} ${path} was not answered`))).on("error", fail);
    asked.end(text);
  });
}
