// The strict checks themselves, on a page that is served and good: each kind of wrong is noticed.
import { expect } from "vitest";
import { scene } from "../scene.ts";
import type { StrictPage } from "../page.ts";
import { until } from "../waiting.ts";

const DOCS = "/api/v1/mining/docs";

/** Return the problems once there is one. */
async function problems(opened: StrictPage): Promise<string> {
  const found = await until("a problem", () => {
    const taken = opened.takeProblems();
    return taken.length > 0 ? taken : null;
  });
  return found.join("\n");
}

scene("the API's own page opens with nothing wrong", async (stage) => {
  const opened = await stage.open(await stage.nodes.controller(), DOCS);
  await opened.page.getByRole("heading", { level: 1 }).waitFor();
  await opened.page.getByText("/fleet/totals").first().waitFor();
});

scene("what a page does wrong is noticed", async (stage) => {
  const opened = await stage.open(await stage.nodes.controller(), DOCS);
  const { page } = opened;
  await page.getByRole("heading", { level: 1 }).waitFor();
  expect(opened.takeProblems()).toEqual([]);

  await page.evaluate(() => console.error("something is amiss"));
  expect(await problems(opened)).toContain("something is amiss");

  await page.evaluate(() => void setTimeout(() => { throw new Error("nobody caught this"); }));
  expect(await problems(opened)).toContain("an exception nobody caught: nobody caught this");

  await page.evaluate(() => { new Image().src = "https://elsewhere.example/dot.png"; });
  expect(await problems(opened)).toContain("Content Security Policy");

  await page.evaluate(() => { document.body.append(Object.assign(document.createElement("script"), { text: "1" })); });
  expect(await problems(opened)).toContain("Content Security Policy");

  await page.evaluate(() => void setTimeout(() => alert("hello")));
  expect(await problems(opened)).toContain("a dialog: alert hello");

  await page.evaluate(() => { location.assign("http://elsewhere.example/"); }).catch(() => undefined);
  expect(await problems(opened)).toContain("a request to another host: http://elsewhere.example/");
  opened.takeProblems();
});
