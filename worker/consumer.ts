/** Owns a reader's answer: opens the consumer socket to the object and turns what it says into an HTTP response. */

import type { ConsumeRequest } from "../protocol/consumer-frames.ts";
import type { From, ResetReason } from "../protocol/cursor.ts";
import { LongstreamError, errorTable } from "../protocol/errors.ts";
import { eventStreamHeaders, eventStreamType, headerNames, objectPaths, streamPath } from "../protocol/http.ts";
import { retryDelayMs, retryLater } from "../protocol/sse.ts";
import type { Config } from "./config.ts";
import type { Env } from "./env.ts";
import { ConsumerLink } from "./consumer-link.ts";
import { Relay, asDisconnect, linger } from "./relay.ts";
import { callOnce, stubOf } from "./object-call.ts";

/** What the object said to a reader's request. */
export type Connection =
  | { readonly kind: "open"; readonly link: ConsumerLink }
  /** The reader has everything there will ever be. */
  | { readonly kind: "complete"; readonly outcome: string }
  /** No such stream, or not of this route. */
  | { readonly kind: "missing" };

/** @throws LongstreamError `unavailable` when the object cannot be reached now. */
export async function connectConsumer(env: Env, id: string, asked: ConsumeRequest): Promise<Connection> {
  const headers = { upgrade: "websocket", [headerNames.consume]: JSON.stringify(asked) };
  const response = await callOnce(async () => stubOf(env, id).fetch(`https://object${objectPaths.consume}`, { headers }));
  if (response.status === 404) return { kind: "missing" };
  if (response.status === 204) return { kind: "complete", outcome: response.headers.get(headerNames.outcome) ?? "" };
  if (response.status === 503) {
    throw new LongstreamError("too-many-readers", `Cannot read the stream ${id}: it has as many readers as its maxConsumers; come back later`);
  }
  if (response.webSocket === null) {
    throw new LongstreamError("unavailable", `Cannot read the stream: its object answered ${response.status}; try again`);
  }
  return { kind: "open", link: new ConsumerLink(response.webSocket) };
}

export interface Answer {
  readonly id: string;
  readonly connection: Exclude<Connection, { kind: "missing" }>;
  readonly from: From;
  readonly follow: ConsumeRequest["follow"];
  /** Set when the reader's cursor led nowhere and it is given another stream. */
  readonly reset: ResetReason | null;
}

/** 204 stops an EventSource for good; everything else is 200 and a body that only a true end closes. */
export function respondWithEvents(request: Request, env: Env, ctx: ExecutionContext, config: Config, answer: Answer): Response {
  const { id, connection } = answer;
  const headers = new Headers({ [headerNames.streamId]: id, [headerNames.streamUrl]: new URL(streamPath(id), request.url).href });
  if (connection.kind === "complete") {
    headers.set(headerNames.outcome, connection.outcome);
    return new Response(null, { status: 204, headers });
  }
  for (const [name, value] of Object.entries(eventStreamHeaders)) headers.set(name, value);
  const { readable, writable } = new IdentityTransformStream();
  const relay = new Relay({
    writer: writable.getWriter(),
    from: answer.from,
    reconnect: (from) => connectConsumer(env, id, { from, follow: answer.follow, route: null, opening: "again" }),
    controls: (request.headers.get("accept") ?? "").includes(eventStreamType) ? "events" : "comments",
    retryMs: retryDelayMs(Math.random),
    heartbeatMs: config.heartbeatMs,
    maxStallMs: config.maxStallMs,
    reset: answer.reset,
    signal: request.signal,
  });
  ctx.waitUntil(relay.run(connection.link));
  return new Response(readable, { headers });
}

/** Whether the client is one that reconnects by itself, and the error one that passes. */
export function comesBack({ method, headers }: Request, error: LongstreamError): boolean {
  return method === "GET" && (headers.get("accept") ?? "").includes(eventStreamType) && errorTable[error.code].retry;
}

/**
 * For a reader who would be stopped for good by a status: an EventSource takes anything but 200 for final. It gets a
 * body that says when to come back (and to which stream, where one was just made), and is then cut off.
 */
export function respondWithRetry(ctx: ExecutionContext, error: LongstreamError, id: string | null): Response {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const body = async (): Promise<void> => {
    await writer.write(new TextEncoder().encode(retryLater(retryDelayMs(Math.random), id)));
    await linger();
    await writer.abort(asDisconnect(error.message));
  };
  // The reader may be gone already.
  ctx.waitUntil(body().catch(() => undefined));
  return new Response(readable, { headers: eventStreamHeaders });
}
