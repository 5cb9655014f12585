/** Commands of this page: busy at once, a note with a way back when it is done, the cause when it failed. */

import { Doing } from "../../api/asked.svelte";
import type { ApiFailure } from "../../api/failure";
import { questions } from "../../parts/confirm.svelte";
import { toasts } from "../../parts/toasts.svelte";
import { rig as t, undone } from "../../texts";
import { pause, restart, resume, start, stop } from "./deeds";
import type { Miner } from "./watched.svelte";

export type Verb = "stop" | "restart" | "pause" | "resume" | "startAgain";

/** The miners whose state lets a verb mean something. */
export const MEANT: Readonly<Record<Verb, (miner: Miner) => boolean>> = {
  stop: (miner) => miner.state !== "stopped" && miner.state !== "stopping",
  restart: (miner) => miner.state !== "stopping" && !(miner.adopted ?? false),
  pause: (miner) => miner.state === "mining" || miner.state === "starting" || miner.state === "unresponsive",
  resume: (miner) => miner.state === "paused",
  startAgain: (miner) => miner.state === "stopped" && Boolean(miner.profileId),
};

export class Doer {
  #doing = new Doing();
  /** What runs now; empty while nothing does. */
  verb = $state("");

  constructor(
    readonly peer: string,
    /** The rig's name at the moment. */
    readonly name: () => string,
  ) {}

  /** Why the last one failed, for who shows it: a note would be behind a dialog. */
  get failure(): ApiFailure | undefined {
    return this.#doing.failure;
  }

  /** A dialog is opened: what failed before is none of its. */
  fresh(): void {
    this.#doing.failure = undefined;
  }

  busy(verb: string): boolean {
    return this.#doing.busy && this.verb === verb;
  }

  /** Another one runs: this one cannot be asked for until that has been answered. */
  taken(verb: string): boolean {
    return this.#doing.busy && this.verb !== verb;
  }

  /** Do `work` as `verb`; `said` makes the note of its answer. Returns whether it was done; `quiet`: the caller shows a failure. */
  async run<T>(verb: string, work: () => Promise<T>, said: (answer: T) => void, quiet = false): Promise<boolean> {
    if (this.#doing.busy) return false;
    this.verb = verb;
    const answer = await this.#doing.run(work);
    if (answer === undefined) {
      if (this.#doing.failure && !quiet) toasts.failed(this.#doing.failure);
      return false;
    }
    said(answer);
    return true;
  }

  /** `miners`: those it is for; `all`: it is for every miner of the rig. */
  async act(verb: Verb, miners: readonly Miner[], all: boolean): Promise<void> {
    if (all && miners.length > 1 && !(await this.#sure(verb, miners))) return;
    const name = this.name();
    const only = all ? null : (miners[0]?.name ?? null);
    const what = miners.map((miner) => miner.name).join(", ");
    if (verb === "stop") {
      const again = miners.filter((miner) => miner.profileId);
      await this.run(verb, () => stop(this.peer, only), () => {
        toasts.done(t.did.stopped(what, name), again.length === miners.length ? { label: t.act.startAgain, run: () => void this.#startAll(again) } : undefined);
      });
    } else if (verb === "pause") {
      await this.pause(only, what, null);
    } else if (verb === "resume") {
      await this.run(verb, () => resume(this.peer, only), () => {
        toasts.done(t.did.resumed(what, name), { label: t.act.undo, run: () => void this.pause(only, what, null) });
      });
    } else if (verb === "restart") {
      await this.run(verb, () => restart(this.peer, only), () => toasts.done(t.did.restarted(what, name)));
    } else {
      await this.#startAll(miners);
    }
  }

  async pause(only: string | null, what: string, seconds: number | null, quiet = false): Promise<boolean> {
    const said = () => toasts.done(t.did.paused(what, this.name()), { label: t.act.undo, run: () => void this.#resume(only, what) });
    return this.run("pause", () => pause(this.peer, only, seconds), said, quiet);
  }

  async #resume(only: string | null, what: string): Promise<void> {
    await this.run("resume", () => resume(this.peer, only), () => toasts.done(t.did.resumed(what, this.name())));
  }

  async #startAll(miners: readonly Miner[]): Promise<void> {
    const work = async () => {
      const started: string[] = [];
      for (const miner of miners) started.push(...(await start(this.peer, miner.profileId ?? "")).miners);
      return started;
    };
    await this.run("startAgain", work, (started) => toasts.done(t.did.started(started.join(", "), this.name())));
  }

  async #sure(verb: Verb, miners: readonly Miner[]): Promise<boolean> {
    const words = verb === "stop" ? t.askStop : verb === "restart" ? t.askRestart : undefined;
    if (!words) return true;
    const [title, list] = [words.title(miners.length, this.name()), miners.map((miner) => miner.name)];
    return questions.ask({ title, text: words.text, undo: undone.of(verb), list, action: words.action(miners.length), danger: verb === "stop" });
  }
}
