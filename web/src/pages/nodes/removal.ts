/** Removing peers: what is asked before, and how one is removed. */

import { answerOf, api } from "../../api/requests";
import type { Question } from "../../parts/confirm.svelte";
import { nodes, undone } from "../../texts";
import type { NodeRow } from "./peers.svelte";

const t = nodes.removal;

export const removePeers = {
  question(rows: readonly NodeRow[]): Question {
    const running = rows.reduce((sum, row) => sum + row.mining, 0);
    return {
      title: t.title(rows.length, rows[0]?.name ?? ""),
      text: t.text(rows.length, running),
      undo: undone.no,
      ...(rows.length > 1 ? { list: rows.map((row) => row.name) } : {}),
      action: t.action(rows.length),
      danger: true,
    };
  },
  async one(id: string): Promise<void> {
    await answerOf(api.DELETE("/peers/{peer}", { params: { path: { peer: id } } }));
  },
};
