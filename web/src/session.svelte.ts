/** Who uses this page, as the node knows it. */

import { type Schemas, answerOf, api, whenUnauthorized } from "./api/client";
import { type ApiFailure, failureOf } from "./api/failure";

const RANK = { viewer: 0, operator: 1, admin: 2 } as const;

class Session {
  /** `undefined`: not asked yet; `null`: the node wants a login. */
  who = $state.raw<Schemas["SessionView"] | null | undefined>(undefined);
  failure = $state.raw<ApiFailure | undefined>(undefined);
  /** Somebody was logged in here and is not any more. */
  ended = $state(false);

  constructor() {
    whenUnauthorized(() => this.#lost());
  }

  /** Whether who uses this page may do what takes `role`. */
  may(role: keyof typeof RANK): boolean {
    return this.who ? RANK[this.who.role] >= RANK[role] : false;
  }

  /** Ask the node who asks. */
  async ask(): Promise<void> {
    try {
      this.who = await answerOf(api.GET("/session"));
      this.failure = undefined;
      this.ended = false;
    } catch (thrown) {
      const failure = failureOf(thrown);
      if (failure.status === 401) this.#lost();
      else this.failure = failure;
    }
  }

  /** @throws {ApiFailure} the node does not take it. */
  async login(name: string, password: string): Promise<void> {
    this.who = await answerOf(api.POST("/login", { body: { name, password } }));
    this.failure = undefined;
    this.ended = false;
  }

  /** @throws {ApiFailure} */
  async logout(): Promise<void> {
    await answerOf(api.POST("/logout"));
    this.who = null;
    this.ended = false;
  }

  #lost(): void {
    if (this.who) this.ended = true;
    this.who = null;
  }
}

export const session = new Session();
