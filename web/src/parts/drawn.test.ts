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

  const buttonOf = (props: object): HTMLButtonElement => {
    const target = document.createElement("div");
    mount(IconButton, { target, props: { icon: Plus, label: "Add <b>", onclick: () => {}, ...props } });
    flushSync();
    return target.querySelector("button") as HTMLButtonElement;
  };
  const said = (button: HTMLButtonElement) => ["aria-label", "title", "aria-pressed", "tabindex", "disabled"].map((name) => button.getAttribute(name));

  it("is what a button shows, with its name", () => {
    const button = buttonOf({});
    expect([said(button), button.querySelectorAll("svg").length, button.type]).toEqual([["Add <b>", "Add <b>", null, null, null], 1, "button"]);
  });

  it("stands in a button that can be on, out of reach, or not to be pressed", () => {
    const button = buttonOf({ pressed: true, tabindex: -1, disabled: true, push: true });
    expect([said(button), button.classList.contains("push")]).toEqual([["Add <b>", "Add <b>", "true", "-1", ""], true]);
    expect(said(buttonOf({ pressed: false, tabindex: 0 }))).toEqual(["Add <b>", "Add <b>", "false", "0", null]);
  });
});
