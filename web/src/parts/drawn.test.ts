// @vitest-environment happy-dom
import Plus from "@lucide/svelte/icons/plus";
import Pencil from "@lucide/svelte/icons/pencil";
import { flushSync, mount } from "svelte";
import { describe, expect, it } from "vitest";
import { drawing } from "./drawn";
import IconButton from "./IconButton.svelte";

describe("a drawn icon", () => {
  const itself = (icon: typeof Plus): string => {
    const target = document.createElement("div");
    mount(icon, { target, props: { size: 18 } });
    return target.querySelector("svg")?.outerHTML ?? "none";
  };

  it("is that of the component, in each element that shows it", () => {
    const elements = [document.createElement("b"), document.createElement("b")];
    for (const element of elements) drawing(Plus)(element);
    expect(elements.map((element) => element.querySelector("svg")?.outerHTML)).toEqual([itself(Plus), itself(Plus)]);
    drawing(Pencil)(elements[0] as Element);
    expect(elements.map((element) => element.innerHTML.split("<svg").length)).toEqual([2, 2]);
    expect(elements[0]?.querySelector("svg")?.outerHTML).toBe(itself(Pencil));
  });

  it("is what a button shows, with its name", () => {
    const target = document.createElement("div");
    mount(IconButton, { target, props: { icon: Plus, label: "Add <b>", onclick: () => {} } });
    flushSync();
    const button = target.querySelector("button");
    expect([button?.getAttribute("aria-label"), button?.querySelectorAll("svg").length]).toEqual(["Add <b>", 1]);
  });
});
