// A test in a browser: its nodes, its pages, and what is kept of them when it fails.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, test } from "vitest";
import { Nodes, type TestNode } from "./node.ts";
import { StrictPage, startBrowser } from "./page.ts";
import { EVIDENCE } from "./surroundings.ts";

/** How long a scene may take before what it shows is kept and it fails. */
const PATIENCE_MS = 240_000;

let browser: Promise<Browser> | undefined;

afterAll(async () => {
  await (await browser)?.close();
  browser = undefined;
});

/** What all scenes of a file share: made when the first one asks, ended after the last one. */
export function shared<T extends { end(): Promise<void> }>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  afterAll(async () => {
    await (await made?.catch(() => undefined))?.end(); // who asked for it has told why there is none
    made = undefined;
  });
  return () => (made ??= make());
}

/** What a scene has to play with; all of it ends with the scene. */
export class Stage {
  readonly nodes = new Nodes();
  readonly #pages: StrictPage[] = [];

  /** Open a page of the node's. */
  async open(node: Pick<TestNode, "origin">, path = "/", options: BrowserContextOptions = {}): Promise<StrictPage> {
    browser ??= startBrowser();
    const opened = await StrictPage.open(await browser, node.origin, options);
    this.#pages.push(opened);
    await opened.page.goto(path);
    return opened;
  }

  /** Fail if anything went wrong on a page that the scene did not allow. */
  check(): void {
    const problems = this.#pages.flatMap((opened) => opened.takeProblems());
    if (problems.length > 0) throw new Error(["On the page went wrong:", ...problems].join("\n  "));
  }

  /** Write what the pages show and said, and what the nodes logged, to `folder`. */
  async keep(folder: string): Promise<void> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [number, opened] of this.#pages.entries()) {
      const name = join(folder, `page-${number + 1}`);
      writeFileSync(`${name}.console.txt`, [opened.page.url(), ...opened.console, ""].join("\n"));
      await opened.page.screenshot({ path: `${name}.png`, timeout: 10_000 }).catch(() => undefined); // it crashed
      const seen = await opened.page.locator("body").ariaSnapshot({ timeout: 5_000 }).catch(() => "nothing to read");
      writeFileSync(`${name}.seen.yaml`, seen);
    }
    for (const node of this.nodes.all) writeFileSync(join(folder, `${node.name}.log`), node.log());
  }

  /** Close the pages, end the nodes. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#pages.map((opened) => opened.close()));
    await this.nodes.end();
  }
}

/** A test called `title`. When it fails, its error names the folder where a screenshot and the console are. */
export function scene(title: string, play: (stage: Stage) => Promise<void>): void {
  test(title, async () => {
    const stage = new Stage();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`the scene took longer than ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    });
    try {
      await Promise.race([play(stage), late]);
      stage.check();
    } catch (error) {
      const folder = join(EVIDENCE, title.replace(/[^a-zA-Z0-9]+/g, "-").slice(0, 80));
      await stage.keep(folder);
      throw told(error, folder, stage);
    } finally {
      clearTimeout(timer);
      await stage.end();
    }
  });
}

function told(error: unknown, folder: string, stage: Stage): Error {
  const failure = error instanceof Error ? error : new Error(String(error));
  let more = "";
  try {
    stage.check();
  } catch (problems) {
    if (problems !== error && problems instanceof Error) more = `\n${problems.message}`;
  }
  failure.message = `${failure.message}${more}\nScreenshot and console: ${folder}`;
  return failure;
}
