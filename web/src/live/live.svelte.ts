/** What the page knows of the fleet, kept up to date by the feed. */

import type { Schemas } from "../api/requests";
import { BASE } from "../api/requests";
import { collationKey } from "../format/collation";
import { nextFrame } from "../frames";
import { clock } from "./clock.svelte";
import { type Connection, Feed } from "./feed";
import { type Changes, Table, type TableRow } from "./table";

export type Rig = Required<Schemas["RigSummary"]>;
export type Alert = Required<Schemas["Alert"]>;
export type Job = Required<Schemas["JobView"]>;
export type HistoryEvent = Required<Schemas["EventRow"]>;
export type PendingNode = Required<Schemas["PendingView"]>;
export type Invite = Required<Schemas["InviteView"]>;
export type Totals = Required<Schemas["FleetTotals"]>;
export type RigDetail = Schemas["RigView"];
export type RigState = Schemas["RigState"];
export type AccessRole = Schemas["AccessRole"];

/** A table of the feed for components: reading `rows` in an effect or a template follows it, a frame at a time. */
export class LiveTable<Row extends TableRow> {
  #table: Table<Row>;
  #version = $state(0);
  #complete = $state(false);
  #waiting: Set<string> | "all" | undefined;
  #listeners = new Set<(changes: Changes) => void>();

  constructor(
    readonly topic: string,
    fresh: Omit<Row, "id">,
    came?: (row: Row) => void,
  ) {
    this.#table = new Table(fresh, came);
  }

  /** Rows by ID. The map is edited in place; the rows in it are not. */
  get rows(): ReadonlyMap<string, Row> {
    void this.#version;
    return this.#table.rows;
  }

  /** One higher with each frame in which something changed. */
  get version(): number {
    return this.#version;
  }

  /** As `Table` has it. */
  get members(): number {
    return this.#table.members;
  }

  /** Whether a whole snapshot has been there: before that, an empty table means nothing. */
  get complete(): boolean {
    return this.#complete;
  }

  /** For what draws by itself: `heard` is called at most once a frame with what changed. */
  listen(heard: (changes: Changes) => void): () => void {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  follow(feed: Feed): () => void {
    return feed.follow(this.topic, (message) => {
      const changes = this.#table.apply(message);
      if (changes) this.#note(changes);
    });
  }

  #note(changes: Changes): void {
    const before = this.#waiting;
    if (changes === "all" || before === "all") this.#waiting = "all";
    else if (before) for (const id of changes) before.add(id);
    else this.#waiting = new Set(changes);
    if (before === undefined) nextFrame(() => this.#tell());
  }

  #tell(): void {
    const changes = this.#waiting;
    this.#waiting = undefined;
    if (!changes) return;
    this.#complete = this.#table.complete;
    this.#version += 1;
    for (const heard of this.#listeners) heard(changes);
  }
}

const FRESH_RIG: Omit<Rig, "id"> = {
  name: "", state: "offline", sinceMs: null, seenAtMs: null, connected: false, role: "worker", tags: [], address: "",
  hashrate: {}, miners: 0, mining: 0, shares: 0, rejected: 0, temperatureC: null, powerW: null, ofBaseline: null, pingMs: null, score: 0,
  problem: "", problemCode: "", running: [], assigned: "", version: "", locked: false, schedule: "",
};
const FRESH_ALERT: Omit<Alert, "id"> = {
  kind: "machine", severity: "notice", text: "", sinceMs: 0, rig: "", rigName: "", miner: "", suggestion: "", action: null,
  times: 1, easing: false,
};
const FRESH_PENDING: Omit<PendingNode, "id"> = { name: "", fingerprint: "", words: "", address: "", since: "", expiresAt: "" };
const FRESH_INVITE: Omit<Invite, "id"> = {
  status: "open", for: "rig", uses: 1, used: 0, createdAt: "", expiresAt: "", addresses: [], token: null, words: "", qr: [], joined: [],
};

const FRESH_JOB: Omit<Job, "id"> = {
  action: "", state: "running", askedBy: "", createdAt: "", finishedAt: null, total: 0,
  counts: { waiting: 0, running: 0, done: 0, failed: 0, skipped: 0, cancelled: 0, interrupted: 0 },
  sentBytes: 0, totalBytes: 0, order: null, retryOf: "", dryRun: false, peers: [],
};
const FRESH_EVENT: Omit<HistoryEvent, "id"> = {
  at: "", atMs: 0, kind: "", peerId: "", peerName: "", miner: "", by: "", text: "", own: false, cursor: "",
};

class Live {
  connection = $state<Connection>("connecting");
  /** Since when the connection is as it is, on this machine's clock (ms). */
  connectionSince = $state(Date.now());
  /** The node's version, once it has said so. */
  version = $state("");
  fleet = new LiveTable<Rig>("fleet", FRESH_RIG, (rig) => collationKey(rig.name)); // the wall and the table are in that order
  alerts = new LiveTable<Alert>("alerts", FRESH_ALERT);
  jobs = new LiveTable<Job>("jobs", FRESH_JOB);
  events = new LiveTable<HistoryEvent>("events", FRESH_EVENT);
  totals = $state.raw<Totals | undefined>(undefined);
  /** Who waits for approval, and the invites: while `followDoors` does. */
  pending = new LiveTable<PendingNode>("pending", FRESH_PENDING);
  invites = new LiveTable<Invite>("invites", FRESH_INVITE);

  /** Called when the connection has ended: see who is asked as. */
  whenEnded: () => void = () => {};

  #feed = new Feed(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${BASE}/ws/events`, {
    connection: (now) => {
      if (now !== "connecting") this.connectionSince = Date.now();
      this.connection = now;
    },
    nodeTime: (nowMs) => clock.set(nowMs),
    hello: (hello) => (this.version = hello.version),
    ended: () => this.whenEnded(),
  });

  /** Follow what every page shows, until the returned function is called. */
  start(): () => void {
    // they come in this order: with the first rigs it is known how all are, and what is wrong
    const ends = [
      this.#feed.follow("totals", (message) => {
        if (message.type === "state" && message.topic === "totals") this.totals = (message as Schemas["LiveTotalsState"]).state as Totals;
      }),
      this.alerts.follow(this.#feed),
      this.fleet.follow(this.#feed),
      this.jobs.follow(this.#feed),
      this.events.follow(this.#feed),
    ];
    const nudge = () => {
      if (!document.hidden) this.#feed.nudge();
    };
    window.addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    this.#feed.open();
    return () => {
      for (const end of ends) end();
      window.removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
      this.#feed.close();
    };
  }

  /** Try the connection now. */
  nudge(): void {
    this.#feed.nudge();
  }

  /** Follow who comes to this node's door, until the returned function is called. */
  followDoors(): () => void {
    const ends = [this.pending.follow(this.#feed), this.invites.follow(this.#feed)];
    return () => ends.forEach((end) => end());
  }

  /**
   * Follow all that is known of one rig. `heard` gets `null` when it was removed, and `ended` a sentence if there is none.
   */
  followRig(id: string, heard: (rig: RigDetail | null) => void, ended: (reason: string) => void): () => void {
    return this.#feed.follow(`peer:${id}`, (message) => {
      if (message.type === "state") heard((message as Schemas["LivePeerState"]).state);
      else if (message.type === "ended") ended(message.reason);
    });
  }

  /** Follow a miner's log. `first` comes with the lines there were; `ended` with why there are no more. */
  followLog(
    rig: string,
    miner: string,
    heard: (lines: Schemas["LiveLogLines"]) => void,
    ended: (reason: string, suggestion: string) => void,
    lines = 500,
  ): () => void {
    return this.#feed.follow(
      `log:${rig}/${miner}`,
      (message) => {
        if (message.type === "log") heard(message);
        else if (message.type === "ended") ended(message.reason, message.suggestion);
      },
      lines,
    );
  }
}

export const live = new Live();
