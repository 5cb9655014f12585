import { simulatedRigs } from "./farm.ts";
import { startBrowser, StrictPage } from "./page.ts";
const farm = await simulatedRigs(60, "--hostile", "--history", "2h");
const b = await startBrowser();
try {
  for (const id of farm.rigs.slice(0, 6)) for (const tab of ["console", "machine", "plan", "journal"]) {
    const o = await StrictPage.open(b, farm.origin, { viewport: { width: 1280, height: 720 }, reducedMotion: "reduce" });
    const t = Date.now();
    await o.page.goto(`/rigs/${id}?tab=${tab}`); await o.page.locator("main h1").first().waitFor();
    const r = await o.page.waitForFunction(() => ![...document.querySelectorAll("[aria-busy='true'], .loading")].some((e) => e.checkVisibility()), undefined, { timeout: 8000 }).then(() => "ok", (e) => String(e).slice(0, 80));
    const loading = await Promise.race([o.page.evaluate(() => [...document.querySelectorAll("[aria-busy='true'], .loading")].map((e) => e.outerHTML.slice(0, 200))), new Promise((d) => setTimeout(() => d("HUNG"), 5000))]);
    console.log(id, tab, r, Date.now() - t, loading, o.takeProblems());
    await o.close();
  }
} finally { await b.close(); await farm.end(); }
