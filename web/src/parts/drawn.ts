/** Icons that are drawn once and copied: a table has some for each of its rows, and making one anew is most of a row's work. */

import { type Component, mount, untrack } from "svelte";

type Icon = Component<{ size?: number | string }>;

const SIZE = 18;
const drawn = new Map<Icon, Element>();

function copyOf(icon: Icon): Node {
  let known = drawn.get(icon);
  if (!known) {
    known = document.createElement("span");
    const target = known;
    untrack(() => mount(icon, { target, props: { size: SIZE } }));
    drawn.set(icon, known);
  }
  return known.cloneNode(true);
}

/** Have an element show an icon, and nothing else. */
export function drawing(icon: Icon): (element: Element) => void {
  return (element) => element.replaceChildren(...copyOf(icon).childNodes);
}
