// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { profilePath, rigPath, routeOf, router } from "./router.svelte";

describe("an address", () => {
  it.each([
    ["/", "overview", ""],
    ["//", "overview", ""],
    ["/login", "overview", ""],
    ["/nodes", "nodes", ""],
    ["/nodes/", "nodes", ""],
    ["/rigs/fb972dd0cd457451", "rig", "fb972dd0cd457451"],
    ["/rigs", "none", ""],
    ["/rigs/a/b", "none", ""],
    ["/profiles", "profiles", ""],
    ["/profiles/night", "profile", "night"],
    ["/activity", "activity", ""],
    ["/activity/jobs/4b16", "activity", "jobs/4b16"],
    ["/activity/a/b/c", "none", ""],
    ["/settings/access", "settings", "access"],
    ["/settings/a/b", "none", ""],
    ["/nothing", "none", ""],
  ])("%s is the page %s (%s)", (path, page, id) => expect(routeOf(path)).toEqual({ page, id }));

  it.each(["<b>", "a/b", "ö ?#%", "a%2Fb"])("names %s and gives it back as it was", (name) => {
    expect(routeOf(rigPath(name))).toEqual({ page: "rig", id: name });
    expect(routeOf(profilePath(name))).toEqual({ page: "profile", id: name });
  });

  it("with a broken escape is taken as it stands", () => expect(routeOf("/rigs/%E0%A4%A")).toEqual({ page: "rig", id: "%E0%A4%A" }));
});

describe("the router", () => {
  let stop: () => void;
  beforeEach(() => {
    window.scrollTo = () => {};
    router.go("/nodes?q=cellar");
    stop = router.start();
  });
  afterEach(() => {
    stop();
    document.body.replaceChildren();
  });

  /** Click a link and say whether the browser would have followed it. */
  function click(attributes: Record<string, string>, init: MouseEventInit = {}): boolean {
    const link = document.createElement("a");
    for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
    const inside = link.appendChild(document.createElement("span"));
    document.body.append(link);
    let browsers = false;
    const last = (event: Event): void => {
      browsers = !event.defaultPrevented;
      event.preventDefault();
    };
    document.addEventListener("click", last, { once: true });
    // no MouseEvent: the DOM of these tests would follow the link before the page hears of it
    const plain = { button: 0, metaKey: false, ctrlKey: false, shiftKey: false, altKey: false };
    inside.dispatchEvent(Object.assign(new Event("click", { bubbles: true, cancelable: true }), plain, init));
    return browsers;
  }

  it("follows a link of the page itself, query and all", () => {
    expect(click({ href: "/activity/audit?q=stop" })).toBe(false);
    expect(router.path).toBe("/activity/audit");
    expect(router.query.get("q")).toBe("stop");
  });

  it.each([
    [{ href: "/api/v1/mining/audit/export", download: "" }, {}],
    [{ href: "/api/v1/mining/docs" }, {}],
    [{ href: "/metrics" }, {}],
    [{ href: "/nodes", target: "_blank" }, {}],
    [{ href: "https://elsewhere.example/nodes" }, {}],
    [{ href: "/settings" }, { ctrlKey: true }],
    [{ href: "/settings" }, { metaKey: true }],
    [{ href: "/settings" }, { shiftKey: true }],
    [{ href: "/settings" }, { button: 1 }],
    [{ href: "/nodes?q=cellar#rigs" }, {}],
  ])("leaves %j with %j to the browser", (attributes, init) => {
    expect(click(attributes as unknown as Record<string, string>, init)).toBe(true);
    expect(router.path).toBe("/nodes");
  });

  it("changes the query where one is, and keeps the rest of it", () => {
    const entries = history.length;
    router.set({ tag: "a&b", q: null });
    expect(location.search).toBe("?tag=a%26b");
    router.set({ tag: "" });
    expect(location.search).toBe("");
    expect(history.length).toBe(entries);
    router.set({ tab: "log" }, true);
    expect(history.length).toBe(entries + 1);
  });

  it("stays where who guards the page wants to", () => {
    const may = vi.fn(() => false);
    const end = router.guard(may);
    router.go("/settings");
    expect(router.path).toBe("/nodes");
    end();
    router.go("/settings");
    expect([router.path, may.mock.calls.length]).toEqual(["/settings", 1]);
  });

  it("goes where the browser goes back to", () => {
    history.replaceState(null, "", "/profiles?q=x");
    window.dispatchEvent(new PopStateEvent("popstate"));
    expect([router.route.page, router.query.get("q")]).toEqual(["profiles", "x"]);
  });
});
