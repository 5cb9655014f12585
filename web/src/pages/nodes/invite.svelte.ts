/** An invite from the form to the last who joins. The token is in memory alone, for as long as the dialog is open. */

import { type Schemas, answerOf, api } from "../../api/requests";
import { once } from "../../api/once";
import { clock } from "../../live/clock.svelte";
import { live } from "../../live/live.svelte";

export const LIFETIMES = ["30m", "1h", "8h", "1d", "7d"] as const;

export interface InviteForm {
  who: "rig" | "controller";
  uses: number;
  expires: string;
  address: string;
}

export type Made = Schemas["InviteView"];

/** The addresses that are typed, with commas between. */
export function addressesOf(typed: string): string[] {
  return typed.split(",").map((address) => address.trim()).filter(Boolean);
}

export function makeInvite(form: InviteForm): Promise<Made> {
  const address = addressesOf(form.address);
  const body = { for: form.who, uses: form.uses, expires: form.expires, ...(address.length ? { address } : {}) };
  return answerOf(api.POST("/invites", { params: { header: once() }, body }));
}

export type InviteState = "open" | "used" | "expired" | "revoked";

/** How an invite stands, as the feed says; until it says something, as it was made. */
export class Watched {
  constructor(readonly made: Made) {}

  get now(): Made {
    void live.invites.version;
    return live.invites.rows.get(this.made.id) ?? this.made;
  }

  get state(): InviteState {
    const { status, expiresAt } = this.now;
    if (status === "open" && Date.parse(expiresAt) <= clock.now) return "expired";
    return status as InviteState;
  }

  get leftMs(): number {
    return Math.max(0, Date.parse(this.made.expiresAt) - clock.now);
  }

  /** Who has joined, with the name that the fleet has for it now. */
  get joined(): { id: string; name: string; connected: boolean }[] {
    return this.now.joined.map((each) => {
      const rig = live.fleet.rows.get(each.peerId);
      return { id: each.peerId, name: rig?.name || each.name || each.fingerprint.slice(0, 16), connected: rig?.connected ?? false };
    });
  }
}
