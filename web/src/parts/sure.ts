/** Something that ends or loses something: asked about, done, and said. */

import { type Question, questions } from "./confirm.svelte";
import { toasts } from "./toasts.svelte";

/** Do `deed` if the person says yes to `question`, and say `done`, or why it failed. Returns whether the person said yes. */
export async function ifSure(question: Question, deed: () => Promise<unknown>, done = ""): Promise<boolean> {
  if (!(await questions.ask(question))) return false;
  try {
    await deed();
    if (done) toasts.done(done);
  } catch (thrown) {
    toasts.failed(thrown);
  }
  return true;
}
