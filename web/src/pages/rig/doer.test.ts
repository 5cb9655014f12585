import { expect, it } from "vitest";
import { Doer } from "./doer.svelte";

it("while one command runs, that one is busy and no other can be asked for", async () => {
  const doer = new Doer("id", () => "rig-alpha");
  const asked = () => ["restart", "stop"].map((verb) => [doer.busy(verb), doer.taken(verb)]);
  expect(asked()).toEqual([[false, false], [false, false]]);
  let answer: (said: string) => void = () => {};
  const done = doer.run("restart", () => new Promise<string>((said) => (answer = said)), () => {});
  expect(asked()).toEqual([[true, false], [false, true]]);
  answer("restarted");
  expect(await done).toBe(true);
  expect(asked()).toEqual([[false, false], [false, false]]);
});
