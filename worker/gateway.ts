/** Owns gateway mode: a request on a route becomes a stream, or resumes the stream its cursor names. */

import { nanoid } from "nanoid";
import { parseFrom } from "../protocol/cursor.ts";
import type { From, ResetReason } from "../protocol/cursor.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { headerNames, streamPath } from "../protocol/http.ts";
import { limits } from "../protocol/limits.ts";
import type { HeaderPairs } from "../protocol/producer-messages.ts";
import type { Config, Route } from "./config.ts";
import type { Env } from "./env.ts";
import { comesBack, connectConsumer, respondWithEvents, respondWithRetry } from "./consumer.ts";
import { callAgain, callOnce, stubOf } from "./object-call.ts";
import type { StreamDescription } from "./store.ts";

/** A `GET` with a cursor of a stream this route created resumes it; anything else creates a stream and invokes. */
export async function answerRoute(request: Request, env: Env, ctx: ExecutionContext, config: Config, route: Route): Promise<Response> {
  const from = request.method === "GET" ? parseFrom(request.headers.get(headerNames.lastEventId)) : startOfNew;
  if (from.kind === "cursor") {
    const asked = { from, follow: "live", route: route.path, opening: "first" } as const;
    const connection = await callAgain(async () => connectConsumer(env, from.log, asked));
    if (connection.kind !== "missing") {
      return respondWithEvents(request, env, ctx, config, { id: from.log, connection, from, follow: "live", reset: null });
    }
  }
  return createAndAnswer(request, env, ctx, config, route, resetOf(from));
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

async function createAndAnswer(
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  config: Config,
  route: Route,
  reset: ResetReason | null,
): Promise<Response> {
  const id = nanoid();
  const headers = forwardedHeaders(request);
  checkHead(request.url, headers);
  const body = await readBody(request, route.maxRequestBytes);
  const description: StreamDescription = {
    version: 1,
    id,
    createdAt: Date.now(),
    route: route.path,
    url: (config.publicUrl ?? new URL(request.url).origin) + streamPath(id),
    target: route.target,
    settings: route.settings,
    request: { method: request.method, url: request.url, headers, bodyBytes: body.length },
  };
  if (!(await callOnce(async () => stubOf(env, id).create(description, body)))) {
    throw new LongstreamError("stream-exists", `Cannot create the stream ${id}: the id is taken; try again`);
  }
  if (wantsNoAnswer(request)) return accepted(request, id);
  const asked = { from: startOfNew, follow: "live", route: route.path, opening: "first" } as const;
  try {
    const connection = await callAgain(async () => connectConsumer(env, id, asked));
    if (connection.kind === "missing") throw new LongstreamError("stream-not-found", `Cannot read the stream ${id}: it was removed at once`);
    return respondWithEvents(request, env, ctx, config, { id, connection, from: startOfNew, follow: "live", reset });
  } catch (error) {
    // Its function is on its way: whoever asks the route again would have another one invoked.
    if (error instanceof LongstreamError && comesBack(request, error)) return respondWithRetry(ctx, error, id);
    throw error;
  }
}

/** RFC 7240, section 4.1. */
function wantsNoAnswer(request: Request): boolean {
  return /(^|[,;\s])respond-async($|[,;\s])/i.test(request.headers.get("prefer") ?? "");
}

function accepted(request: Request, id: string): Response {
  const url = new URL(streamPath(id), request.url).href;
  return Response.json(
    { id, url },
    {
      status: 202,
      headers: { location: streamPath(id), "preference-applied": "respond-async", [headerNames.streamId]: id, [headerNames.streamUrl]: url },
    },
  );
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
  "content-length",
  "prefer",
  headerNames.lastEventId,
]);

function forwardedHeaders(request: Request): HeaderPairs {
  const named = new Set((request.headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/));
  return [...request.headers].filter(([name]) => !notForwarded.has(name) && !named.has(name));
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

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(declared, maxBytes);
  const parts: Uint8Array[] = [];
  let byteLength = 0;
  const incoming: ReadableStream<Uint8Array> | null = request.body;
  for await (const part of incoming ?? []) {
    byteLength += part.length;
    if (byteLength > maxBytes) throw tooLarge(byteLength, maxBytes);
    parts.push(part);
  }
  const body = new Uint8Array(byteLength);
  parts.reduce((at, part) => (body.set(part, at), at + part.length), 0);
  return body;
}

function tooLarge(byteLength: number, maxBytes: number): LongstreamError {
  return new LongstreamError("request-too-large", `Cannot take a request body of ${byteLength} bytes or more: this route's maxRequestBytes is ${maxBytes}`);
}
