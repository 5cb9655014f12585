// The way of the Tab key through a page: each stop has a name, is seen to have the focus, and comes once.
import type { Page } from "playwright-core";

export interface Stop {
  /** Its role and its accessible name. */
  name: string;
  /** Whether it looks other than without the focus. */
  visible: boolean;
}

const MOST_STOPS = 300;

/** Press Tab until the way begins anew, or for `most` stops, and return them. */
export async function tabbed(page: Page, most: number = MOST_STOPS): Promise<Stop[]> {
  const debugging = await page.context().newCDPSession(page);
  await debugging.send("Accessibility.enable");
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    window.scrollTo(0, 0);
  });
  const stops: Stop[] = [];
  while (stops.length < most) {
    await page.keyboard.press("Tab");
    const { result } = await debugging.send("Runtime.evaluate", { expression: "document.activeElement" });
    const at = await page.evaluate(stopAt);
    if (at === null || result.objectId === undefined) break;
    const tree = await debugging.send("Accessibility.getPartialAXTree", { objectId: result.objectId, fetchRelatives: false });
    const node = tree.nodes[0];
    stops.push({ name: `${String(node?.role?.value ?? "?")} ${String(node?.name?.value ?? "")}`.trim(), visible: at.visible });
    if (at.again) {
      const last = stops.pop();
      if (!at.first) throw new Error(`the Tab key does not get on from ${last?.name ?? "here"}`);
      break;
    }
  }
  await page.evaluate(() => document.querySelectorAll("[data-tabbed]").forEach((each) => each.removeAttribute("data-tabbed")));
  await debugging.detach();
  return stops;
}

/** In the page: what has the focus; `null` for nothing. */
function stopAt(): { visible: boolean; again: boolean; first: boolean } | null {
  const at = document.activeElement;
  if (!(at instanceof HTMLElement || at instanceof SVGElement) || at === document.body) return null;
  const again = at.hasAttribute("data-tabbed");
  const first = document.querySelector("[data-tabbed]") === null || at.getAttribute("data-tabbed") === "first";
  at.setAttribute("data-tabbed", first ? "first" : "");
  const style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const around = at.parentElement === null ? null : getComputedStyle(at.parentElement);
  const ringed = style.boxShadow !== "none" || (around !== null && around.outlineStyle !== "none");
  return { visible: outlined || ringed, again, first };
}
