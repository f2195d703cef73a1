/** Owns a reader's answer: status, headers and the body that a relay writes. */

import type { ConsumeRequest, ConsumerEnd, ConsumerStart } from "../protocol/consumer-frames.ts";
import { LongstreamError, errorTable } from "../protocol/errors.ts";
import { eventStreamHeaders, eventStreamType, headerNames, streamPath } from "../protocol/http.ts";
import type { HeaderPairs } from "../protocol/producer-messages.ts";
import { contentRange } from "../protocol/range.ts";
import type { Extent } from "../protocol/range.ts";
import type { ResetReason } from "../protocol/cursor.ts";
import { heartbeat, retryDelayMs, retryLater } from "../protocol/sse.ts";
import type { BodyFormat } from "./body-format.ts";
import { byteFormat, eventFormat } from "./body-format.ts";
import type { Config } from "./config.ts";
import type { ConsumerLink } from "./consumer-link.ts";
import type { Env } from "./env.ts";
import { bodilessStatuses } from "./head.ts";
import { problemResponse } from "./problem.ts";
import type { Beginning } from "./reading.ts";
import { connectConsumer } from "./reading.ts";
import { Relay, asDisconnect, linger } from "./relay.ts";

/** The request that is answered, and the Worker around it. */
export interface Answering {
  readonly request: Request;
  readonly env: Env;
  readonly ctx: ExecutionContext;
  readonly config: Config;
}

export interface Answer {
  readonly id: string;
  readonly beginning: Exclude<Beginning, { kind: "missing" }>;
  readonly follow: ConsumeRequest["follow"];
  /**
   * `handler`: as if the function answered directly. `resumed`: the same, to whoever brings a cursor of it. `log`: what the
   * stream holds, which is there whatever the status was.
   */
  readonly as: "handler" | "resumed" | "log";
  /** Set when the reader's cursor led nowhere and it is given another stream. */
  readonly reset: ResetReason | null;
}

export function respond(answering: Answering, answer: Answer): Response {
  const { beginning } = answer;
  switch (beginning.kind) {
    case "started":
      return beginning.start.head.mode === "events" ? respondWithEvents(answering, answer, beginning) : respondWithBytes(answering, answer, beginning);
    case "complete":
      // 204 stops an EventSource for good.
      return new Response(null, { status: 204, headers: { ...streamHeaders(answering, answer), [headerNames.outcome]: beginning.outcome } });
    case "unsatisfiable":
      return respondUnsatisfiable(answering, answer, beginning);
    case "headless":
      return headlessResponse(beginning.end, streamHeaders(answering, answer));
  }
}

type Started = Extract<Beginning, { kind: "started" }>;

/** Everything is 200 and a body that only a true end closes; the handler's own status is the gateway's to show. */
function respondWithEvents(answering: Answering, answer: Answer, { start, link }: Started): Response {
  const { request } = answering;
  const headers = toHeaders(start.head.headers, answer);
  for (const [name, value] of Object.entries({ ...streamHeaders(answering, answer), ...eventStreamHeaders })) headers.set(name, value);
  const format = eventFormat({
    retryMs: retryDelayMs(Math.random),
    controls: (request.headers.get("accept") ?? "").includes(eventStreamType) ? "events" : "comments",
    reset: answer.reset,
  });
  const status = answer.as === "log" ? 200 : start.head.status;
  if (request.method === "HEAD") {
    link.close();
    return new Response(null, { status, headers });
  }
  const { readable, writable } = new IdentityTransformStream();
  relay(answering, answer, format, writable, { start, link });
  return new Response(readable, { status, headers });
}

function respondWithBytes(answering: Answering, answer: Answer, { start, link }: Started): Response {
  const { request } = answering;
  const { head, extent, log } = start;
  const headers = toHeaders(head.headers, answer);
  for (const [name, value] of Object.entries(streamHeaders(answering, answer))) headers.set(name, value);
  if (answer.as === "log") {
    headers.set("accept-ranges", "bytes");
    headers.set("etag", etagOf(log));
    headers.set(headerNames.status, String(head.status));
    // What is stored now is true now: a cache that kept it would give it for the whole, as long as the handler lets it.
    if (answer.follow === "stored") headers.set("cache-control", "no-store");
    // A handler that answered with a part spoke of a range of something else.
    headers.delete("content-range");
    if (extent.kind === "part") headers.set("content-range", contentRange(extent));
  }
  const status = answer.as !== "log" ? head.status : extent.kind === "part" ? 206 : 200;
  if (bodilessStatuses.has(status) || request.method === "HEAD") {
    link.close();
    return new Response(null, { status, headers });
  }
  const byteLength = lengthOf(extent) ?? (answer.as === "log" ? null : declaredLength(headers));
  // Beside a body of known length, the runtime would drop it.
  headers.delete("content-length");
  // An edge that compresses a body may hold it back until its end, and takes the sense out of ranges; a handler's own
  // encoding is passed on as it is.
  const encodeBody = headers.has("content-encoding") ? "manual" : "automatic";
  if (encodeBody === "automatic" && (byteLength === null || answer.as === "log")) headers.set("content-encoding", "identity");
  const { readable, writable } = byteLength === null ? new IdentityTransformStream() : new FixedLengthStream(byteLength);
  relay(answering, answer, byteFormat(untilOf(extent)), writable, { start, link });
  return new Response(readable, { status, headers, encodeBody });
}

/** The log's name is its validator: what is in a log never changes, it only grows. */
export function etagOf(log: string): string {
  return `"${log}"`;
}

function lengthOf(extent: Extent): number | null {
  if (extent.kind === "whole") return extent.bytes;
  return extent.last === null ? null : extent.last - extent.first + 1;
}

/** The position behind the last byte, where that is known: the log may grow meanwhile. */
function untilOf(extent: Extent): number | null {
  if (extent.kind === "whole") return extent.bytes;
  return extent.last === null ? null : extent.last + 1;
}

/** A handler's own; a body that breaks off before it is then seen as broken by every client. */
function declaredLength(headers: Headers): number | null {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function respondUnsatisfiable(answering: Answering, answer: Answer, { bytes, outcome }: Extract<Beginning, { kind: "unsatisfiable" }>): Response {
  const error = new LongstreamError("range-not-satisfiable", `Cannot give that range of the stream ${answer.id}: it has ${bytes} bytes`);
  const headers = { ...streamHeaders(answering, answer), "content-range": `bytes */${bytes}` };
  return problemResponse(error, outcome === null ? headers : { ...headers, [headerNames.outcome]: outcome });
}

function relay(
  { request, env, ctx, config }: Answering,
  { id, follow }: Answer,
  format: BodyFormat,
  writable: WritableStream<Uint8Array>,
  { start, link }: { readonly start: ConsumerStart; readonly link: ConsumerLink },
): void {
  const body = new Relay({
    writer: writable.getWriter(),
    format,
    reconnect: async (from) => connectConsumer(env, id, { from, range: null, follow, route: null, opening: "again" }),
    heartbeatMs: config.heartbeatMs,
    maxStallMs: config.maxStallMs,
    signal: request.signal,
  });
  ctx.waitUntil(body.run(start, link));
}

/** Cookies are meant for the client that asked the handler, and not for every reader of its answer. */
function toHeaders(pairs: HeaderPairs, { as }: Answer): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs) {
    if (as === "handler" || name.toLowerCase() !== "set-cookie") headers.append(name, value);
  }
  return headers;
}

export function streamHeaders({ request }: Answering, { id }: { readonly id: string }): Readonly<Record<string, string>> {
  return { [headerNames.streamId]: id, [headerNames.streamUrl]: new URL(streamPath(id), request.url).href };
}

/** Of a stream that ended before its handler had answered. */
export function headlessResponse({ outcome, error }: Pick<ConsumerEnd, "outcome" | "error">, headers: Readonly<Record<string, string>>): Response {
  const { code, message } = error ?? { code: "bad-handler-result", message: `Cannot answer: the stream ${outcome} without an answer of its handler` };
  return problemResponse(new LongstreamError(code, message), { ...headers, [headerNames.outcome]: outcome });
}

/** Whether the client is one that reconnects by itself, and the error one that passes. */
export function comesBack({ method, headers }: Request, error: LongstreamError): boolean {
  return method === "GET" && (headers.get("accept") ?? "").includes(eventStreamType) && errorTable[error.code].retry;
}

/**
 * For a reader who would be stopped for good by a status: an EventSource takes anything but 200 for final. It gets a
 * body that says when to come back (and to which stream, where one was just made), and is then cut off. That a stream
 * waits for its head is no failure of the reader's try: a heartbeat tells it that the stream goes on.
 */
export function respondWithRetry(answering: Answering, error: LongstreamError, id: string | null): Response {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const body = async (): Promise<void> => {
    await writer.write(new TextEncoder().encode(retryLater(retryDelayMs(Math.random), id) + (error.code === "head-timeout" ? heartbeat : "")));
    await linger();
    await writer.abort(asDisconnect(error.message));
  };
  // The reader may be gone already.
  answering.ctx.waitUntil(body().catch(() => undefined));
  return new Response(readable, { headers: { ...eventStreamHeaders, ...(id === null ? {} : streamHeaders(answering, { id })) } });
}
