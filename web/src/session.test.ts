// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answerOf, api } from "./api/requests";
import { session } from "./session.svelte";

/** Answers of the node, in the order in which they are asked for. */
let answers: [number, object][];
beforeEach(() => {
  answers = [];
  vi.stubGlobal("fetch", () => {
    const [status, body] = answers.shift() ?? [500, {}];
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } }));
  });
});
afterEach(() => vi.unstubAllGlobals());

const ANN = { name: "ann", role: "operator", door: "login", expiresAt: null };
const WHO = { error: "This node does not know who asks.", code: "UNAUTHORIZED" };

describe("a session", () => {
  it("that was never there asks for a login, and nothing stands under it", async () => {
    answers = [[401, WHO]];
    await session.ask();
    expect([session.who, session.ended, session.may("viewer")]).toEqual([null, false, false]);
  });

  it("that ends keeps what the page may offer, so that no form goes, until somebody is known", async () => {
    answers = [[200, ANN], [401, WHO], [401, WHO], [200, { ...ANN, role: "viewer" }]];
    await session.login("ann", "correct horse battery");
    await session.ask();
    expect([session.who, session.ended, session.last?.name, session.may("operator"), session.may("admin")]).toEqual([null, true, "ann", true, false]);
    await session.ask(); // asked once more: it has ended all the same
    expect(session.ended).toBe(true);
    await session.login("ann", "correct horse battery");
    expect([session.ended, session.may("operator"), session.may("viewer")]).toEqual([false, false, true]);
  });

  it("in which something is refused is asked for before it is said to be over", async () => {
    const refused = () => expect(answerOf(api.GET("/peers"))).rejects.toThrow();
    answers = [[200, ANN], [401, WHO], [200, ANN], [401, WHO], [401, WHO]];
    await session.login("ann", "correct horse battery");
    await refused(); // its cookie was another one by then
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    expect([session.who?.name, session.ended]).toEqual(["ann", false]);
    await refused();
    await vi.waitFor(() => expect([session.who, session.ended]).toEqual([null, true]));
  });

  it("that is logged out leaves nothing", async () => {
    answers = [[200, ANN], [200, { status: "logged out" }]];
    await session.login("ann", "correct horse battery");
    await session.logout();
    expect([session.who, session.ended, session.last, session.may("viewer")]).toEqual([null, false, undefined, false]);
  });

  it("of a node that does not answer is not over", async () => {
    answers = [[200, ANN], [503, { error: "Full.", code: "TOO_MANY_CONNECTIONS" }], [200, ANN]];
    await session.ask();
    await session.ask();
    expect([session.who?.name, session.failure?.message]).toEqual(["ann", "Full."]);
    await session.ask();
    expect(session.failure).toBeUndefined();
  });
});
