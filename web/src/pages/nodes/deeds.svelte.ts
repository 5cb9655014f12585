/** What is done to those selected, from the button to the last of them. The dialogs of `DeedDialogs.svelte` show it. */

import { answerOf, api, replyOf } from "../../api/requests";
import { failureOf } from "../../api/failure";
import { span } from "../../format/times";
import { questions } from "../../parts/confirm.svelte";
import { toasts } from "../../parts/toasts.svelte";
import { nodes, undone } from "../../texts";
import { type Aim, type Order, PAUSES, type Verb, aimOf, retagged, send, textOf, titleOf, undoOf } from "./bulk";
import type { NodeRow, Peers } from "./peers.svelte";
import { Progress } from "./progress.svelte";
import { removePeers } from "./removal";

type Undo = { verb: Verb; peers: string[] };

export class Deeds {
  /** A profile is being chosen. */
  choosing = $state.raw<{ verb: "start" | "deploy"; aim: Aim } | undefined>(undefined);
  /** Tags are being typed, for these. */
  tagging = $state.raw<readonly NodeRow[] | undefined>(undefined);
  shown = $state.raw<{ progress: Progress; undo: Undo | undefined } | undefined>(undefined);
  busy = $state.raw<Verb | undefined>(undefined);

  constructor(private readonly peers: Peers) {}

  rowsOf(ids: readonly string[]): NodeRow[] {
    return ids.flatMap((id) => this.peers.rows.get(id) ?? []);
  }

  async command(verb: Verb, ids: readonly string[]): Promise<void> {
    const aim = aimOf(verb, this.rowsOf(ids));
    if (!aim.rigs.length) toasts.failed(new Error(`${nodes.bulk.noRig} ${nodes.bulk.noRigHint}`));
    else if (verb === "start" || verb === "deploy") this.choosing = { verb, aim };
    else if (!this.busy) {
      this.busy = verb;
      try {
        await this.#ask(verb, aim);
      } catch (thrown) {
        toasts.failed(thrown);
      }
      this.busy = undefined;
    }
  }

  /** The node says whom it would be for: what is asked is what will be done. */
  async #ask(verb: Exclude<Verb, "start" | "deploy">, aim: Aim): Promise<void> {
    const would = await send(verb, idsOf(aim.rigs), undefined, true);
    const told = { ...aimOf(verb, this.rowsOf(would.peers.map(({ id }) => id))), others: aim.others };
    const title = titleOf(verb, told);
    const list = would.peers.map(({ name }) => name);
    const order: Order = {};
    const choice = {
      label: nodes.bulk.howLong,
      options: PAUSES.map((minutes) => ({ value: minutes, text: minutes ? span(minutes * 60_000) : nodes.bulk.untilResumed })),
      choose: (minutes: number) => (order.resumeAfterS = minutes * 60),
    };
    const asked = { title, text: textOf(verb, told), undo: undone[verb], list, action: title, danger: verb === "stop", ...(verb === "pause" ? { choice } : {}) };
    if (await questions.ask(asked)) void this.run(verb, told, order);
  }

  async run(verb: Verb, aim: Aim, order?: Order): Promise<void> {
    this.choosing = undefined;
    try {
      const job = await send(verb, idsOf(aim.rigs), order);
      const progress = this.#show(nodes.progress.titles[verb], aim.rigs.length, undoOf(verb, aim));
      await progress.follow(job);
      if (this.shown?.progress !== progress) toasts.done(nodes.progress.finished(progress.deed, progress.done, progress.failed));
    } catch (thrown) {
      toasts.failed(thrown);
    }
  }

  async undo({ verb, peers }: Undo): Promise<void> {
    this.shown = undefined;
    await this.run(verb, aimOf(verb, this.rowsOf(peers)));
  }

  async tag(rows: readonly NodeRow[], add: string[], remove: string[]): Promise<void> {
    this.tagging = undefined;
    await this.#show(nodes.progress.titles.tag, rows.length).each(rows, (id) => retag(id, add, remove));
    void this.peers.reload();
  }

  async remove(rows: readonly NodeRow[]): Promise<void> {
    if (!rows.length || !(await questions.ask(removePeers.question(rows)))) return;
    if (rows.length > 1) await this.#show(nodes.progress.titles.remove, rows.length).each(rows, removePeers.one);
    else {
      try {
        await removePeers.one((rows[0] as NodeRow).id);
        toasts.done(nodes.actions.removed(1));
      } catch (thrown) {
        toasts.failed(thrown);
        return;
      }
    }
    void this.peers.removed(idsOf(rows));
  }

  #show(deed: string, total: number, undo?: Undo): Progress {
    const progress = new Progress(deed, total);
    this.shown = { progress, undo };
    return progress;
  }
}

function idsOf(rows: readonly NodeRow[]): string[] {
  return rows.map((row) => row.id);
}

/** Who changes the same peer at the same time loses nothing: it is read again then. */
async function retag(id: string, add: string[], remove: string[], again = true): Promise<void> {
  const path = { peer: id };
  const { data, headers } = await replyOf(api.GET("/peers/{peer}", { params: { path } }));
  try {
    const params = { path, header: { "If-Match": headers.get("ETag") ?? "*" } };
    await answerOf(api.PATCH("/peers/{peer}", { params, body: { tags: retagged(data.tags ?? [], add, remove) } }));
  } catch (thrown) {
    if (failureOf(thrown).status !== 412 || !again) throw thrown;
    await retag(id, add, remove, false);
  }
}
