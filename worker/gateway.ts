/** Owns gateway mode: a request on a route becomes a stream, or resumes the stream its cursor names. */

import { nanoid } from "nanoid";
import { parseFrom } from "../protocol/cursor.ts";
import type { From, ResetReason } from "../protocol/cursor.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { connectionOptions, headerNames, streamPath } from "../protocol/http.ts";
import { limits } from "../protocol/limits.ts";
import type { HeaderPairs } from "../protocol/producer-messages.ts";
import type { Route } from "./config.ts";
import { comesBack, respond, respondWithRetry, streamHeaders } from "./consumer.ts";
import type { Answering } from "./consumer.ts";
import { callOnce, stubOf } from "./object-call.ts";
import { problemResponse } from "./problem.ts";
import { beginReading } from "./reading.ts";
import { RequestBody } from "./request-body.ts";
import type { StreamDescription } from "./store.ts";

/** A `GET` with a cursor of a stream this route created resumes it; anything else creates a stream and invokes. */
export async function answerRoute(answering: Answering, route: Route): Promise<Response> {
  const { request, env, config } = answering;
  const from = request.method === "GET" ? parseFrom(request.headers.get(headerNames.lastEventId)) : startOfNew;
  if (from.kind === "cursor") {
    const asked = { from, range: null, follow: "live", route: route.path, opening: "first" } as const;
    const beginning = await beginReading(env, from.log, asked, { headTimeoutMs: config.headTimeoutMs, uploaded: Promise.resolve(), signal: request.signal });
    if (beginning.kind !== "missing") {
      return respond(answering, { id: from.log, beginning, follow: "live", as: "resumed", reset: null });
    }
  }
  return createAndAnswer(answering, route, resetOf(from));
}

const startOfNew: From = { kind: "start" };

/** A cursor that names nothing here gets a new stream, and is told so: never a silent skip. */
function resetOf(from: From): ResetReason | null {
  switch (from.kind) {
    case "start":
      return null;
    case "cursor":
      return "foreign";
    case "seq":
    case "unknown":
      return "unknown";
  }
}

async function createAndAnswer(answering: Answering, route: Route, reset: ResetReason | null): Promise<Response> {
  const { request, env, config } = answering;
  const id = nanoid();
  const headers = forwardedHeaders(request);
  checkHead(request.url, headers);
  const body = new RequestBody(request, route.maxRequestBytes, "this route's maxRequestBytes");
  const begun = await body.next();
  const description: StreamDescription = {
    version: 1,
    id,
    createdAt: Date.now(),
    route: route.path,
    kind: route.kind,
    onAbandon: route.onAbandon,
    url: (config.publicUrl ?? new URL(request.url).origin) + streamPath(id),
    target: route.target,
    settings: route.settings,
    request: { method: request.method, url: request.url, headers, bodyBytes: begun.part === "last" ? begun.bytes.length : null },
  };
  const later = wantsNoAnswer(request);
  if (!(await callOnce(async () => stubOf(env, id).create(description, begun.bytes, later ? "none" : "expected")))) {
    throw new LongstreamError("stream-exists", `Cannot create the stream ${id}: the id is taken; try again`);
  }
  const uploaded = begun.part === "more" ? body.sendRest(env, id, begun.bytes.length, route.settings.uploadIdleMs / 3) : Promise.resolve(null);
  answering.ctx.waitUntil(uploaded);
  if (later) {
    // The runtime lets nobody read a request's body any more once it is answered (2026-11).
    const failure = await uploaded;
    if (failure !== null) return problemResponse(new LongstreamError(failure.code, failure.message), streamHeaders(answering, { id }));
    return accepted(answering, id);
  }
  const asked = { from: startOfNew, range: null, follow: "live", route: route.path, opening: "first" } as const;
  try {
    const beginning = await beginReading(env, id, asked, { headTimeoutMs: config.headTimeoutMs, uploaded, signal: request.signal });
    if (beginning.kind === "missing") throw new LongstreamError("stream-not-found", `Cannot read the stream ${id}: it was removed at once`);
    return respond(answering, { id, beginning, follow: "live", as: "handler", reset });
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    // Its function is on its way: whoever asks the route again would have another one invoked.
    return comesBack(request, error) ? respondWithRetry(answering, error, id) : problemResponse(error, streamHeaders(answering, { id }));
  }
}

/** RFC 7240, section 4.1. */
function wantsNoAnswer(request: Request): boolean {
  return /(^|[,;\s])respond-async($|[,;\s])/i.test(request.headers.get("prefer") ?? "");
}

function accepted(answering: Answering, id: string): Response {
  const headers = { ...streamHeaders(answering, { id }), location: streamPath(id), "preference-applied": "respond-async" };
  return Response.json({ id, url: new URL(streamPath(id), answering.request.url).href }, { status: 202, headers });
}

/** Of one connection only (RFC 9110, section 7.6.1), or of the gateway's own protocol. */
const notForwarded = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "accept-encoding",
  "forwarded",
  "prefer",
  headerNames.lastEventId,
]);

function forwardedHeaders(request: Request): HeaderPairs {
  const named = connectionOptions(request.headers.get("connection"));
  const own = [...request.headers].filter(([name]) => !notForwarded.has(name) && !named.has(name));
  return [...own, ["forwarded", forwardedBy(request)]];
}

/** RFC 7239, behind what proxies before this one have said. */
function forwardedBy({ headers, url }: Request): string {
  const { host, protocol } = new URL(url);
  const address = headers.get("cf-connecting-ip") ?? "unknown";
  const own = `for=${address.includes(":") ? `"[${address}]"` : address};host="${host}";proto=${protocol.slice(0, -1)}`;
  const before = headers.get("forwarded");
  return before === null ? own : `${before}, ${own}`;
}

function checkHead(url: string, headers: HeaderPairs): void {
  if (url.length > limits.maxUrlBytes) {
    throw new LongstreamError("url-too-long", `Cannot take a URL of ${url.length} bytes: the limit is ${limits.maxUrlBytes}; send long input in the body`);
  }
  const headerBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (headerBytes > limits.maxHeaderBytes) {
    throw new LongstreamError("headers-too-large", `Cannot take headers of ${headerBytes} bytes: the limit is ${limits.maxHeaderBytes}`);
  }
}
