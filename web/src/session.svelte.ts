/** Who uses this page, as the node knows it. */

import { type Schemas, answerOf, api, whenUnauthorized } from "./api/requests";
import { type ApiFailure, failureOf } from "./api/failure";

const RANK = { viewer: 0, operator: 1, admin: 2 } as const;

class Session {
  /** `undefined`: not asked yet; `null`: the node wants a login. */
  who = $state.raw<Schemas["SessionView"] | null | undefined>(undefined);
  failure = $state.raw<ApiFailure | undefined>(undefined);
  /** Somebody was logged in here and is not any more: the page stays, under the login. */
  ended = $state(false);
  /** Who was known last. The page is made anew for another one: what somebody typed is not shown to somebody else. */
  last = $state.raw<Schemas["SessionView"] | undefined>(undefined);
  #asking = false;

  constructor() {
    whenUnauthorized(() => void this.#doubted());
  }

  /** Whether who uses this page may do what takes `role`. While the login is asked for again, as before: forms stay. */
  may(role: keyof typeof RANK): boolean {
    const who = this.who ?? (this.ended ? this.last : undefined);
    return who ? RANK[who.role] >= RANK[role] : false;
  }

  /** Ask the node who asks. */
  async ask(): Promise<void> {
    this.#asking = true;
    try {
      this.#known(await answerOf(api.GET("/session")));
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (failure.status === 401) this.#lost();
      else this.failure = failure;
    } finally {
      this.#asking = false;
    }
  }

  /** @throws {ApiFailure} the node does not take it. */
  async login(name: string, password: string): Promise<void> {
    this.#known(await answerOf(api.POST("/login", { body: { name, password } })));
  }

  /** @throws {ApiFailure} */
  async logout(): Promise<void> {
    await answerOf(api.POST("/logout"));
    this.who = null;
    this.last = undefined;
    this.ended = false;
  }

  #known(who: Schemas["SessionView"]): void {
    this.who = this.last = who;
    this.failure = undefined;
    this.ended = false;
  }

  /** Something was refused. It may have been asked just before the session got another cookie: then it goes on. */
  async #doubted(): Promise<void> {
    if (this.who && !this.#asking) await this.ask();
  }

  #lost(): void {
    if (this.who) this.ended = true;
    this.who = null;
  }
}

export const session = new Session();
