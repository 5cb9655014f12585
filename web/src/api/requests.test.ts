import { afterEach, describe, expect, it, vi } from "vitest";
import { answerOf, api } from "./requests";

afterEach(() => vi.unstubAllGlobals());

describe("a name that stands in an address", () => {
  it.each(["..", "."])("%s never leads to another route: nothing is asked", async (peer) => {
    const fetched = vi.fn(() => Promise.resolve(new Response("{}", { headers: { "content-type": "application/json" } })));
    vi.stubGlobal("fetch", fetched);
    vi.stubGlobal("location", new URL("http://node.test/"));
    await expect(answerOf(api.DELETE("/peers/{peer}", { baseUrl: "http://node.test/api/v1/mining", params: { path: { peer } } }))).rejects.toMatchObject({ status: 404, code: "NOT_FOUND" });
    expect(fetched).not.toHaveBeenCalled();
  });

  it.each(["a/b", "../x", "?q", "#h", "%2e%2e"])("%s stays one part of it", async (peer) => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", (request: Request) => (asked.push(new URL(request.url).pathname), Promise.resolve(new Response("{}", { headers: { "content-type": "application/json" } }))));
    await answerOf(api.GET("/peers/{peer}", { baseUrl: "http://node.test/api/v1/mining", params: { path: { peer } } }));
    expect(asked).toEqual([`/api/v1/mining/peers/${encodeURIComponent(peer)}`]);
  });
});
