// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { ApiFailure } from "../../api/failure";
import { Progress } from "./progress.svelte";

const rows = (n: number) => Array.from({ length: n }, (_, at) => ({ id: String(at), name: `rig-${at}` }));

describe("what is done one after the other", () => {
  it("has a line for each, and one that fails keeps none from it", async () => {
    const progress = new Progress("Tagging", 9);
    const done: string[] = [];
    await progress.each(rows(9), (id) => {
      if (id === "4") return Promise.reject(new ApiFailure(404, { error: "There is no such peer.", code: "PEER_NOT_FOUND", suggestion: "Look." }));
      done.push(id);
      return Promise.resolve();
    });
    expect(done).toHaveLength(8);
    expect([progress.done, progress.failed, progress.settled, progress.ended]).toEqual([8, 1, 9, true]);
    expect(progress.lines[4]).toMatchObject({ name: "rig-4", state: "failed", words: "There is no such peer.", suggestion: "Look." });
  });

  it("begins with a few at once, each once", async () => {
    const progress = new Progress("Removing", 50);
    let running = 0;
    let most = 0;
    const seen: string[] = [];
    await progress.each(rows(50), async (id) => {
      seen.push(id);
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
    });
    expect(most).toBeLessThanOrEqual(4);
    expect(new Set(seen).size).toBe(50);
    expect(seen).toHaveLength(50);
  });
});
