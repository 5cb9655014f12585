/** The node's live feed (docs/live.md) over one WebSocket: topics by interest, and back by itself when it breaks. */

import type { Schemas } from "../api/requests";
import { feed as texts } from "../texts";
import { Interests } from "./interests";

export type Said = Schemas["LiveSaid"];
export type Hello = Schemas["LiveHello"];
export type Hear = (message: Said) => void;

/** `lost`: it was live, and is being tried again. `refused`: the node cut it for a reason that trying again does not mend. */
export type Connection = "connecting" | "live" | "lost" | "refused";

export interface FeedEvents {
  /** The connection is another than before. */
  connection(now: Connection): void;
  /** The node's clock, in Unix ms, as it was a moment ago. */
  nodeTime(nowMs: number): void;
  hello(hello: Hello): void;
  /** It ended or could not be opened: who asks may not be known any more. */
  ended(): void;
}

export const FIRST_RETRY_MS = 500;
export const LONGEST_RETRY_MS = 8000;
/** A connection that stood this long is worth an early try when it is lost. */
export const STEADY_MS = 5000;
export const PING_EVERY_MS = 15_000;
/** Within this time something has to come after it was asked for: `hello`, or anything after a ping. */
export const ANSWER_WITHIN_MS = 10_000;
const POLICY_VIOLATION = 1008;
const TOO_OFTEN = "RATE_LIMITED";
/** What the node takes as the name of a topic. */
const MAX_TOPIC_CHARS = 200;

export class Feed {
  #socket: WebSocket | undefined;
  #interests = new Interests();
  #telling = false;
  #seq = 0;
  #ping = 0;
  #attempt = 0;
  #liveSince: number | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;
  /** Runs while something was asked for and nothing has come since. */
  #overdue: ReturnType<typeof setTimeout> | undefined;
  #closed = true;
  #said: Connection = "connecting";

  constructor(
    private readonly url: string,
    private readonly events: FeedEvents,
  ) {}

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#attempt = 0;
    this.#state("connecting");
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** Try now: the machine is back online, or somebody looks at the page again. */
  nudge(): void {
    if (this.#closed) return;
    if (this.#socket) {
      this.#askForLife();
    } else {
      clearTimeout(this.#retry);
      this.#connect();
    }
  }

  /**
   * Hear of `topic` until the returned function is called: a snapshot first, and again whenever the connection was lost.
   * `lines`: how many of a log's last lines come first (at most 500).
   */
  follow(topic: string, hear: Hear, lines?: number): () => void {
    if (topic.length > MAX_TOPIC_CHARS) return refuse(topic, hear);
    const end = this.#interests.add(topic, hear, lines);
    this.#tellSoon();
    return () => {
      end();
      this.#tellSoon();
    };
  }

  #connect(): void {
    // a refusal stays said until a connection stands
    if (this.#said !== "refused") this.#state(this.#attempt ? "lost" : "connecting");
    const socket = (this.#socket = new WebSocket(this.url));
    this.#seq = 0;
    this.#liveSince = undefined;
    socket.onopen = () => {
      this.#interests.begin();
      this.#tell();
    };
    socket.onmessage = (event: MessageEvent<unknown>) => this.#take(event.data);
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code === POLICY_VIOLATION);
    };
    this.#expect();
    this.#pulse = setInterval(() => this.#askForLife(), PING_EVERY_MS);
  }

  #take(data: unknown): void {
    const message = read(data);
    if (!message || message.seq !== this.#seq + 1) {
      this.#lost(false); // a message is missing, or cannot be read: everything anew
      return;
    }
    clearTimeout(this.#overdue);
    this.#overdue = undefined;
    this.#seq = message.seq;
    switch (message.type) {
      case "hello":
        this.#liveSince = Date.now();
        this.events.nodeTime(message.nowMs);
        this.events.hello(message);
        this.#state("live");
        break;
      case "pong":
        this.#interests.passed(message.id);
        this.events.nodeTime(message.nowMs);
        break;
      case "error":
        console.error(message.error);
        // what was told is lost: nobody can say which topics the node knows of
        if (message.code === TOO_OFTEN) this.#lost(false);
        break;
      default:
        this.#interests.hear(message);
    }
  }

  /** See that the node is there: while nothing is asked for, it may be silent for as long as nothing changes. */
  #askForLife(): void {
    if (this.#overdue !== undefined) return;
    if (this.#send({ op: "ping", id: ++this.#ping })) this.#expect();
  }

  #expect(): void {
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => this.#lost(false), ANSWER_WITHIN_MS);
  }

  #lost(refused: boolean): void {
    const steady = this.#liveSince !== undefined && Date.now() - this.#liveSince >= STEADY_MS;
    this.#drop();
    if (this.#closed) return;
    if (steady) this.#attempt = 0;
    const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
    if (refused || this.#said !== "refused") this.#state(refused ? "refused" : "lost");
    this.events.ended(); // it may close this feed
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    clearInterval(this.#pulse);
    clearTimeout(this.#overdue);
    this.#overdue = undefined;
    if (socket) {
      socket.onclose = socket.onmessage = socket.onopen = null;
      socket.close();
    }
  }

  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#tell();
    });
  }

  /** Tell the node what is followed from now on, and what not any more. */
  #tell(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const { leave, join } = this.#interests.changes(this.#ping + 1);
    for (const topics of leave) this.#send({ op: "unsubscribe", topics });
    // what comes of those topics before the answer to this ping is of the time before
    if (leave.length) this.#send({ op: "ping", id: ++this.#ping });
    for (const { topics, lines } of join) this.#send({ op: "subscribe", topics, ...(lines === undefined ? {} : { lines }) });
  }

  #send(heard: object): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(heard));
    return true;
  }

  #state(now: Connection): void {
    if (now === this.#said) return;
    this.#said = now;
    this.events.connection(now);
  }
}

/** Say that there is no such topic, as the node would if it took the name. */
function refuse(topic: string, hear: Hear): () => void {
  let ended = false;
  queueMicrotask(() => {
    if (!ended) hear({ type: "ended", seq: 0, topic, code: "NO_SUCH_TOPIC", ...texts.noTopic });
  });
  return () => (ended = true);
}

function read(data: unknown): Said | undefined {
  try {
    return JSON.parse(String(data)) as Said;
  } catch {
    return undefined;
  }
}
