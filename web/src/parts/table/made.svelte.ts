/** How many of a table's elements are made: a few more with each frame, so that making them holds nothing up. */

import { untrack } from "svelte";
import { nextFrame } from "../../frames";

export const MADE_AT_ONCE = 6;

export class Made {
  count = $state(MADE_AT_ONCE);

  /** `wanted`: how many there are to be. */
  constructor(wanted: () => number) {
    // those that are not wanted any more are gone, and made anew when they are
    $effect.pre(() => {
      const most = Math.max(MADE_AT_ONCE, wanted());
      if (untrack(() => this.count) > most) this.count = most;
    });
    $effect(() => {
      if (this.count >= wanted()) return undefined;
      return nextFrame(() => (this.count += MADE_AT_ONCE));
    });
  }
}
