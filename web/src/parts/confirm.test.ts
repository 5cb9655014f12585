// @vitest-environment happy-dom
import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { undone } from "../texts";
import Confirm from "./Confirm.svelte";
import { type Question, questions } from "./confirm.svelte";

const QUESTION: Question = { title: "Stop 12 miners on 9 rigs", text: "They stay stopped.", undo: undone.stop, action: "Stop 12 miners on 9 rigs", danger: true };

describe("a question", () => {
  let dialog: object;
  beforeEach(() => (dialog = mount(Confirm, { target: document.body })));
  afterEach(async () => {
    questions.current?.answer(false);
    await unmount(dialog);
  });
  const words = (): string => document.body.textContent.replace(/\s+/g, " ");
  function ask(question: Question): Promise<boolean> {
    const answer = questions.ask(question);
    flushSync();
    return answer;
  }

  it("says what, to how many, and whether it can be undone, before it is done", async () => {
    const answer = ask(QUESTION);
    expect(words()).toContain("Stop 12 miners on 9 rigs They stay stopped. This cannot be undone; Start begins anew, with a profile.");
    [...document.querySelectorAll("button")].find((button) => button.textContent.trim() === QUESTION.action)?.click();
    expect(await answer).toBe(true);
  });

  it("says so for a pause, and nothing where there is nothing to undo", () => {
    void ask({ ...QUESTION, undo: undone.pause });
    expect(words()).toContain("This can be undone: Resume has them hash again.");
    questions.current?.answer(false);
    void ask({ ...QUESTION, undo: null });
    expect(words()).not.toContain("undone");
  });
});

describe("whether a deed can be undone", () => {
  const VERBS = ["start", "stop", "restart", "pause", "resume", "deploy", "rollback", "schedule", "lock"] as const;

  it.each(VERBS)("is said of %s in the one wording", (verb) => {
    expect(undone[verb]).toMatch(/^This (cannot be undone; |can be undone: )[A-Za-z, ]+\.$/);
    expect(undone.of(verb)).toBe(undone[verb]);
  });

  it("is no for what this page does not know", () => {
    for (const action of ["constructor", "__proto__", "of", ""]) expect(undone.of(action)).toBe("This cannot be undone.");
  });
});
