/** What the palette offers: pages, rigs, profiles, and what can be done at once. */

import { type Schemas, answerOf, api } from "../api/requests";
import { once } from "../api/once";
import { type Rig, live } from "../live/live.svelte";
import { questions } from "../parts/confirm.svelte";
import { toasts } from "../parts/toasts.svelte";
import { preferences } from "../preferences.svelte";
import { profilePath, rigPath, router } from "../router.svelte";
import { session } from "../session.svelte";
import { palette as t, undone } from "../texts";
import { type Verb, best, verbOf } from "./finding";
import { ENTRIES } from "./pages";

export interface Offer {
  id: string;
  kind: string;
  text: string;
  detail: string;
  state?: Rig["state"];
  run: () => void;
}

const MOST = 8;

/** The answers to `query`, the best first. `help` shows the keyboard's list. */
export function offers(query: string, profiles: readonly Schemas["ProfileView"][], help: () => void): Offer[] {
  const asked = verbOf(query);
  if (asked && may(asked.verb)) return deeds(asked.verb, asked.rest);
  const fixed: Offer[] = [...pages(), ...actions(help), ...profiles.map(profile)];
  const found = best(fixed, (offer) => offer.text, query, MOST);
  if (!query.trim()) return found;
  const rigs = best(live.fleet.rows.values(), (rig) => `${rig.name} ${rig.tags.join(" ")} ${rig.id}`, query, MOST);
  const alone = verbOf(`${query.trim()} `); // a verb and no rig yet: also what is called so
  return [...rigs.map(visit), ...found, ...(alone && !alone.rest && may(alone.verb) ? deeds(alone.verb, "") : [])];
}

function may(verb: Verb): boolean {
  return verb === "ping" || session.may("operator");
}

function deeds(verb: Verb, rest: string): Offer[] {
  return best(live.fleet.rows.values(), (rig) => rig.name, rest, MOST).map((rig) => deed(verb, rig));
}

function pages(): Offer[] {
  return ENTRIES.map(({ href, label }) => ({ id: href, kind: t.page, text: label, detail: "", run: () => router.go(href) }));
}

function profile(one: Schemas["ProfileView"]): Offer {
  return { id: `profile ${one.id}`, kind: t.profile, text: one.name, detail: one.minerType, run: () => router.go(profilePath(one.id)) };
}

function visit(rig: Rig): Offer {
  return {
    id: rig.id,
    kind: t.rig,
    text: rig.name,
    detail: rig.tags.join(", "),
    state: rig.state,
    run: () => router.go(rigPath(rig.id)),
  };
}

function actions(help: () => void): Offer[] {
  const action = (text: string, run: () => void): Offer => ({ id: text, kind: t.action, text, detail: "", run });
  return [
    ...(session.may("admin") ? [action(t.addPeer, () => router.go("/nodes?add=token"))] : []),
    ...(session.may("operator") ? [action(t.newProfile, () => router.go("/profiles/new"))] : []),
    action(t.themeLight, () => preferences.setTheme("light")),
    action(t.themeDark, () => preferences.setTheme("dark")),
    action(t.themeSystem, () => preferences.setTheme("system")),
    action(t.compact, () => preferences.setDensity("compact")),
    action(t.comfortable, () => preferences.setDensity("comfortable")),
    action(t.keyboard, help),
    ...(session.who?.door === "login" ? [action(t.logout, () => void session.logout().catch((thrown: unknown) => toasts.failed(thrown)))] : []),
  ];
}

function deed(verb: Verb, rig: Rig): Offer {
  return {
    id: `${verb} ${rig.id}`,
    kind: t.verbs[verb],
    text: rig.name,
    detail: rig.tags.join(", "),
    state: rig.state,
    run: () => void doIt(verb, rig),
  };
}

async function doIt(verb: Verb, rig: Rig): Promise<void> {
  if (verb === "stop" || verb === "restart" || verb === "pause") {
    if (!(await questions.ask({ ...t.ask[verb](rig.name), undo: undone[verb], danger: verb === "stop" }))) return;
  }
  const params = { path: { peer: rig.id } };
  try {
    if (verb === "ping") {
      const { rtt_ms } = await answerOf(api.POST("/peers/{peer}/ping", { params }));
      toasts.done(t.did.ping(rig.name, rtt_ms.toFixed(1)));
      return;
    }
    await answerOf(api.POST(`/remote/{peer}/${verb}`, { params, body: {}, headers: once() }));
    toasts.done(t.did[verb](rig.name));
  } catch (thrown) {
    toasts.failed(thrown);
  }
}
