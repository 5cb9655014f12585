// axe on a page, under the page's own policy: its source goes in through the browser's debugger, as an extension's would.
import axe from "axe-core";
import type { Page } from "playwright-core";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe says about a page. */
export interface Said {
  /** A line for each thing that is wrong: the rule, what it is about, and how to find it. */
  violations: string[];
  /** How many it found good, by rule. */
  passes: Readonly<Record<string, number>>;
  /** How many it cannot judge, by rule. */
  unsure: Readonly<Record<string, number>>;
  /** The contrasts of the texts that it could judge. */
  contrasts: number[];
}

/** Let axe look at what the page shows now. */
export async function judged(page: Page): Promise<Said> {
  const debugging = await page.context().newCDPSession(page);
  await debugging.send("Runtime.evaluate", { expression: axe.source });
  await debugging.detach();
  return page.evaluate(async (rules) => {
    const results = await (window as unknown as { axe: typeof axe }).axe.run(document, { runOnly: rules });
    const counted = (found: typeof results.passes) =>
      Object.fromEntries(found.map((each) => [each.id, each.nodes.length]));
    const lines = results.violations.flatMap((each) =>
      each.nodes.map((node) => `${each.id}: ${each.help}: ${node.target.join(" ")} ${node.html.slice(0, 200)}`),
    );
    const contrasts = results.passes
      .filter((each) => each.id === "color-contrast")
      .flatMap((each) => each.nodes)
      .flatMap((node) => [...node.any, ...node.all])
      .map((check) => Number((check.data as { contrastRatio?: number } | null)?.contrastRatio ?? 0))
      .filter((ratio) => ratio > 0);
    return { violations: lines, passes: counted(results.passes), unsure: counted(results.incomplete), contrasts };
  }, RULES);
}
