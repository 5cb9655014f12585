/** A list that is narrowed by typing, once it is too long to be seen at a glance. What is typed stands in the address. */

import { router } from "../../router.svelte";
import { foundIn } from "./found";

/** A list of so many is read and not searched. */
export const AT_A_GLANCE = 8;
const MOST_CHARS = 200;

/** What is looked for in one list, and whether it can be. `name` is its own in the query of the page's address. */
export class Typed {
  /** Where it is typed, to have the focus back once it is cleared. */
  field = $state.raw<HTMLInputElement>();
  #offered = false;

  constructor(
    private readonly name: string,
    /** How many there are, and how many of them are found. */
    private readonly counts: () => { all: number; found: number },
  ) {}

  get text(): string {
    return (router.query.get(this.name) ?? "").slice(0, MOST_CHARS);
  }

  set text(typed: string) {
    router.set({ [this.name]: typed || null });
  }

  get all(): number {
    return this.counts().all;
  }

  get found(): number {
    return this.counts().found;
  }

  /** Offered for a long list, and where something is typed; and what has been offered is not taken away under the hands. */
  get offered(): boolean {
    return (this.#offered ||= this.text !== "" || this.all > AT_A_GLANCE);
  }

  get none(): boolean {
    return this.all > 0 && this.found === 0 && this.text.trim() !== "";
  }

  clear(): void {
    this.text = "";
    this.field?.focus();
  }
}

/** The rows of `all` that are found by what is typed; as the list is, whenever it changes. Make it in a component. */
export class Narrowed<Row> {
  #all: () => readonly Row[];
  #textOf: (row: Row) => string;
  readonly typed: Typed;

  constructor(name: string, all: () => readonly Row[], textOf: (row: Row) => string) {
    this.#all = all;
    this.#textOf = textOf;
    this.typed = new Typed(name, () => ({ all: this.#all().length, found: this.rows.length }));
  }

  rows = $derived.by(() => foundIn(this.#all(), this.typed.text, this.#textOf));
}
