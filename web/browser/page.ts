// A page with strict checks: what leaves for another host, errors in the console, broken policy, exceptions, dialogs.
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { chromiumProgram } from "./surroundings.ts";

const OWN_SCHEMES = new Set(["data:", "blob:", "about:"]);
/** Nothing but loopback has an address here: what the page asks of another host does not leave the machine. */
const ARGUMENTS = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--disable-dev-shm-usage"];

/** Start the browser. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumProgram(), args: ARGUMENTS });
}

/** A page of one node's, and everything that went wrong on it. */
export class StrictPage {
  /** What its console said, for who reads a failure. */
  readonly console: string[] = [];
  readonly page: Page;
  readonly origin: string;
  readonly #problems: string[] = [];
  #allowed: RegExp[] = [];

  private constructor(page: Page, origin: string) {
    this.page = page;
    this.origin = origin;
    this.#watch(page);
  }

  /** Open a page of the node at `origin` in a context of its own; `problems` says what went wrong. */
  static async open(browser: Browser, origin: string, options: BrowserContextOptions = {}): Promise<StrictPage> {
    const context = await browser.newContext({ baseURL: origin, ...options });
    context.setDefaultTimeout(30_000);
    return StrictPage.in(context, origin);
  }

  /** Open a further page in a context that there is: another tab of the same person. */
  static async in(context: BrowserContext, origin: string): Promise<StrictPage> {
    return new StrictPage(await context.newPage(), origin);
  }

  /** What matches is no problem, from the last look on: a server that is stopped on purpose, a password that is wrong. */
  allow(...patterns: RegExp[]): void {
    this.#allowed = patterns;
    const left = this.#problems.filter((text) => !patterns.some((pattern) => pattern.test(text)));
    this.#problems.splice(0, Infinity, ...left);
  }

  /** Return what went wrong since this was last asked. */
  takeProblems(): string[] {
    return this.#problems.splice(0);
  }

  /** Close the page and its context. */
  async close(): Promise<void> {
    await this.page.context().close();
  }

  #watch(page: Page): void {
    const own = new URL(this.origin).host;
    const check = (kind: string, address: string): void => {
      const url = new URL(address);
      if (!OWN_SCHEMES.has(url.protocol) && url.host !== own) this.#problem(`${kind} to another host: ${address}`);
    };
    page.context().on("request", (request) => check("a request", request.url()));
    page.on("websocket", (socket) => check("a WebSocket", socket.url()));
    page.on("console", (message) => {
      const place = message.location();
      const line = `[${message.type()}] ${message.text()} (${place.url}:${place.lineNumber})`;
      this.console.push(line);
      if (message.type() === "error") this.#problem(`the console says: ${line}`);
    });
    page.on("pageerror", (error) => {
      this.console.push(`[exception] ${error.stack ?? error.message}`);
      this.#problem(`an exception nobody caught: ${error.message}`);
    });
    page.on("dialog", (dialog) => {
      this.#problem(`a dialog: ${dialog.type()} ${dialog.message()}`);
      void dialog.dismiss().catch(() => undefined); // it went with its page
    });
    page.on("popup", (opened) => this.#problem(`a window: ${opened.url()}`));
    page.on("crash", () => this.#problem("the page crashed"));
  }

  #problem(text: string): void {
    if (!this.#allowed.some((pattern) => pattern.test(text))) this.#problems.push(text);
  }
}
