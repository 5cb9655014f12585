/** A list whose order stays while a pointer or the focus is in it. */

export class Frozen<T extends { id: string }> {
  #held = $state.raw<readonly string[]>([]);
  #inside = $state({ pointer: false, focus: false });
  #current: () => readonly T[];

  /** `current`: the rows as they should stand now. Make it in a component. */
  constructor(current: () => readonly T[]) {
    this.#current = current;
    $effect.pre(() => {
      if (!this.busy) this.#held = this.#current().map((row) => row.id);
    });
  }

  get busy(): boolean {
    return this.#inside.pointer || this.#inside.focus;
  }

  /** The rows that are shown: those that were there when it froze, as they are now. */
  rows = $derived.by(() => {
    if (!this.busy) return this.#current();
    const now = new Map(this.#current().map((row) => [row.id, row]));
    return this.#held.map((id) => now.get(id)).filter((row) => row !== undefined);
  });

  /** How many have come meanwhile. */
  newer = $derived.by(() => {
    if (!this.busy) return 0;
    const held = new Set(this.#held);
    return this.#current().filter((row) => !held.has(row.id)).length;
  });

  /** For the element around the list: `{...frozen.listeners}`. */
  listeners = {
    onpointerenter: (event: PointerEvent) => (this.#inside.pointer = event.pointerType === "mouse"),
    onpointerleave: () => (this.#inside.pointer = false),
    onfocusin: () => (this.#inside.focus = true),
    onfocusout: (event: FocusEvent) => {
      const to = event.relatedTarget;
      const inside = event.currentTarget instanceof Element && to instanceof Node && event.currentTarget.contains(to);
      this.#inside.focus = inside;
    },
  };
}
