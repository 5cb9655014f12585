// Under a pointer, and where the focus is, lists keep their order; it is made again when one has left.
import { expect } from "vitest";
import type { Locator, Page } from "playwright-core";
import { simulatedRigs } from "../farm.ts";
import { scene, shared } from "../scene.ts";
import { settled } from "../seen.ts";
import { until } from "../waiting.ts";

/** A table is put in order every 5 s. */
const ORDERED_AGAIN_MS = 12_000;

const lively = shared(() => simulatedRigs(18, "--changes-per-second", "90", "--history", "0", "--nobody-waits"));

/** What stands in the rows of the table, by column. */
async function column(page: Page, header: string): Promise<string[]> {
  const heads = await page.getByRole("columnheader").allInnerTexts();
  const at = heads.findIndex((text) => text.trim().startsWith(header));
  const rows = page.getByRole("grid").getByRole("row");
  return rows.evaluateAll((all, cell) => all.slice(1).map((row) => ({ at: Number((row as HTMLElement).ariaRowIndex), text: row.children[cell]?.textContent ?? "" }))
    .sort((a, b) => a.at - b.at).map((row) => row.text.trim()), at);
}

export { column, ORDERED_AGAIN_MS, lively, settled, expect, until, scene };
export type { Locator };
