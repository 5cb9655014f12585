/** For tests: a WebSocket whose other end is the test. */

import { vi } from "vitest";

export class ScriptedSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  /** All that were made, the newest last. */
  static made: ScriptedSocket[] = [];

  readyState = ScriptedSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  /** What the page sent and nobody has looked at yet. */
  sent: Record<string, unknown>[] = [];
  #seq = 0;

  constructor(readonly url: string) {
    ScriptedSocket.made.push(this);
  }

  static install(): void {
    ScriptedSocket.made = [];
    vi.stubGlobal("WebSocket", ScriptedSocket);
  }

  static get last(): ScriptedSocket {
    const last = ScriptedSocket.made.at(-1);
    if (!last) throw new Error("no socket was opened");
    return last;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = ScriptedSocket.CLOSED;
  }

  /** The node takes the connection and says hello. */
  accept(): void {
    this.readyState = ScriptedSocket.OPEN;
    this.onopen?.();
    this.say({ type: "hello", nowMs: 1_000, version: "1", role: "admin", topics: [] });
  }

  /** The node says something, with the number that is its turn. */
  say(message: Record<string, unknown>, seq = this.#seq + 1): void {
    this.#seq = seq;
    this.onmessage?.({ data: JSON.stringify({ ...message, seq }) });
  }

  raw(data: unknown): void {
    this.onmessage?.({ data });
  }

  /** The node ends it. */
  end(code = 1006): void {
    this.readyState = ScriptedSocket.CLOSED;
    this.onclose?.({ code });
  }

  /** What was sent since the last time this was called, pings for life left out. */
  heard(): Record<string, unknown>[] {
    const heard = this.sent;
    this.sent = [];
    return heard;
  }
}
