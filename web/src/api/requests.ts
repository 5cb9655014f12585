/** The one place that asks the node. Paths, bodies and answers are typed from its OpenAPI document. */

import createClient from "openapi-fetch";
import { api as texts } from "../texts";
import { ApiFailure, type ErrorBody } from "./failure";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

export const BASE = "/api/v1/mining";

/** The routes as they are called below `BASE`. */
type Routes = { [Path in keyof paths as Path extends `${typeof BASE}${infer Rest}` ? Rest : never]: paths[Path] };

const TIMEOUT_MS = 30_000;

/** Asks, typed; `answerOf` makes an answer or an `ApiFailure` of what comes. */
export const api = createClient<Routes>({ baseUrl: BASE, fetch: (request) => fetch(bounded(request)), credentials: "same-origin" });

/** Parts of an address that say "up": a browser takes them out of it, and another route would be asked. */
const DOTS = new Set([".", ".."]);

api.use({
  onRequest({ params }) {
    const named = Object.values(params.path ?? {});
    if (named.some((part) => DOTS.has(String(part)))) throw new ApiFailure(404, texts.noSuchName);
  },
});

function bounded(request: Request): Request {
  return new Request(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]) });
}

let unauthorized: () => void = () => {};

/** `heard` is called whenever the node answers 401: who was known is not any more. */
export function whenUnauthorized(heard: () => void): void {
  unauthorized = heard;
}

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The answer of a request.
 * @throws {ApiFailure} the node refused or failed, or did not answer.
 */
export async function answerOf<T>(asked: Promise<Reply<T>>): Promise<T> {
  return (await replyOf(asked)).data;
}

/** The answer of a request and its headers (`ETag`, `X-Total-Count`). Fails as `answerOf`. */
export async function replyOf<T>(asked: Promise<Reply<T>>): Promise<{ data: T; headers: Headers }> {
  let reply: Reply<T>;
  try {
    reply = await asked;
  } catch (cause) {
    throw unanswered(cause);
  }
  if (reply.response.ok) return { data: reply.data as T, headers: reply.response.headers };
  if (reply.response.status === 401) unauthorized();
  throw new ApiFailure(reply.response.status, bodyOf(reply.error, reply.response.status));
}

function unanswered(cause: unknown): unknown {
  if (cause instanceof ApiFailure) return cause;
  if (cause instanceof DOMException && cause.name === "AbortError") return cause;
  const late = cause instanceof DOMException && cause.name === "TimeoutError";
  return new ApiFailure(0, late ? texts.late : texts.unreachable);
}

function bodyOf(said: unknown, status: number): ErrorBody {
  if (typeof said === "object" && said !== null && "error" in said && typeof said.error === "string") return said as ErrorBody;
  return { error: texts.unexpected(status), code: "UNEXPECTED", suggestion: texts.unexpectedSuggestion };
}
