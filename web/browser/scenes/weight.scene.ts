// What a visit loads: all files of the page that one address needs, as they are sent.
import { expect } from "vitest";
import { threeRigs, type Farm } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { contextOf, LOOKS, PAGES } from "../seen.ts";
import { weighed } from "../weight.ts";

const MOST_BYTES = 120_000;
const farm = shared(threeRigs);

const PARTS_OF_A_RIG = ["console", "machine", "plan", "journal"];

scene("no address of the page loads more than 120 kB", async (stage) => {
  const there: Farm = await farm();
  const visits = [
    ...PAGES.map((seen) => ({ path: seen.path(there), useful: seen.useful })),
    ...PARTS_OF_A_RIG.map((part) => ({ path: `/rigs/${there.rigs[0] ?? ""}?tab=${part}`, useful: "main h1" })),
    { path: "/nodes?add=token", useful: "dialog" },
  ];
  const sent: Record<string, number> = {};
  const look = LOOKS[0];
  if (look === undefined) throw new Error("there is no look");
  for (const { path, useful } of visits) {
    const opened = await stage.open(there, "/api/v1/mining/health", contextOf(look));
    const weight = await weighed(opened.page, path, useful);
    sent[path] = weight.files.sent;
    stage.check();
    await opened.close();
  }
  expect(Math.min(...Object.values(sent)), "something was loaded each time").toBeGreaterThan(30_000);
  expect(Object.fromEntries(Object.entries(sent).filter(([, bytes]) => bytes > MOST_BYTES))).toEqual({});
  console.log(JSON.stringify(sent));
});
