/** Editing a peer: what was typed, what of it is sent, and what somebody else changed meanwhile. */

import { nodes } from "../../texts";
import { tagsOf } from "./bulk";
import type { Peer } from "./peers.svelte";

const t = nodes.edit;

export const GRANTS = ["observe", "control", "install"] as const;
export type Grant = (typeof GRANTS)[number];

export interface Draft {
  name: string;
  address: string;
  tags: string;
  grants: readonly Grant[];
}

export interface Change {
  name?: string;
  address?: string;
  tags?: string[];
  grant?: Grant[];
}

export function draftOf(peer: Peer): Draft {
  return { name: peer.name, address: peer.dialAddress, tags: (peer.tags ?? []).join(", "), grants: GRANTS.filter((grant) => peer.grants.includes(grant)) };
}

/** What of a draft is another than it was when editing began: only that is sent. */
export function changeOf(draft: Draft, began: Draft): Change {
  const change: Change = {};
  if (draft.name.trim() !== began.name) change.name = draft.name.trim();
  if (draft.address.trim() !== began.address) change.address = draft.address.trim();
  if (tagsOf(draft.tags).join() !== tagsOf(began.tags).join()) change.tags = tagsOf(draft.tags);
  if (draft.grants.join() !== began.grants.join()) change.grant = [...draft.grants];
  return change;
}

export const isNothing = (change: Change) => Object.keys(change).length === 0;

/** What is another now than when editing began, in words. */
export function changedMeanwhile(began: Draft, now: Draft): string[] {
  const said: string[] = [];
  if (now.name !== began.name) said.push(t.nowIs(t.name, now.name));
  if (now.address !== began.address) said.push(t.nowIs(t.address, now.address));
  if (now.tags !== began.tags) said.push(t.nowIs(t.tags, now.tags));
  if (now.grants.join() !== began.grants.join()) said.push(t.nowIs(t.grants, now.grants.map((grant) => nodes.grants[grant].label).join(", ") || nodes.grants.none));
  return said;
}

export function isName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,63}$/.test(name);
}
