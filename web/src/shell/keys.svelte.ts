/** Shortcuts of one key, or two one after the other (`g n`). Pages offer theirs while they are open. */

import { preferences } from "../preferences.svelte";

export interface Shortcut {
  /** As `KeyboardEvent.key` says it, or two with a space between. */
  keys: string;
  text: string;
  run: () => void;
}

const SECOND_WITHIN_MS = 1200;

class Keys {
  /** What the open page offers beside what works everywhere. */
  ofPage = $state.raw<readonly Shortcut[]>([]);
  everywhere = $state.raw<readonly Shortcut[]>([]);
  #first = "";
  #firstAt = 0;

  /** Offer shortcuts until the returned function is called. */
  offer(list: readonly Shortcut[]): () => void {
    this.ofPage = [...this.ofPage, ...list];
    return () => (this.ofPage = this.ofPage.filter((one) => !list.includes(one)));
  }

  /** Take a key press; `true` if it did something. */
  pressed(event: KeyboardEvent): boolean {
    if (!preferences.singleKeys || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return false;
    const both = Date.now() - this.#firstAt < SECOND_WITHIN_MS ? `${this.#first} ${event.key}` : "";
    const all = [...this.ofPage, ...this.everywhere];
    const found = all.find((one) => one.keys === both) ?? all.find((one) => one.keys === event.key);
    this.#first = found ? "" : event.key;
    this.#firstAt = Date.now();
    found?.run();
    return found !== undefined;
  }
}

/** Whether keys are for what has the focus: a field, or what is in a dialog. */
function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
}

export const keys = new Keys();
