/** Owns the public paths of one stream: read, status, cancel, removal, and the producer's way in. */

import { parseFrom } from "../protocol/cursor.ts";
import { LongstreamError, describe } from "../protocol/errors.ts";
import { eventStreamType, headerNames, objectPaths } from "../protocol/http.ts";
import { JsonReader } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { parseRange } from "../protocol/range.ts";
import type { ByteRange } from "../protocol/range.ts";
import type { Env } from "./env.ts";
import { etagOf, headlessResponse, respond } from "./consumer.ts";
import type { Answering } from "./consumer.ts";
import { RequestBody } from "./request-body.ts";
import { callAgain, callOnce, stubOf } from "./object-call.ts";
import { streamNotFound } from "./problem.ts";
import { beginReading } from "./reading.ts";
import type { StreamStatus } from "./stream-status.ts";
import { verifyTicket } from "./ticket.ts";

/**
 * Replay from the cursor, then live; with `live=false` what is stored now. The header wins over the query. Of a stream
 * of bytes, the range that is asked for.
 */
export async function readStream(answering: Answering, id: string): Promise<Response> {
  const { request, env, config } = answering;
  const { searchParams } = new URL(request.url);
  const from = parseFrom(request.headers.get(headerNames.lastEventId) || searchParams.get("from"));
  const follow = searchParams.get("live") === "false" ? "stored" : "live";
  const asked = { from, range: rangeOf(request, id), follow, route: null, opening: "first" } as const;
  const beginning = await beginReading(env, id, asked, { headTimeoutMs: config.headTimeoutMs, uploaded: Promise.resolve(), signal: request.signal });
  if (beginning.kind === "missing") throw streamNotFound(id);
  return respond(answering, { id, beginning, follow, as: "log", reset: null });
}

/** A range of what the client has another version of is no use to it (RFC 9110, section 13.1.5). */
function rangeOf({ headers }: Request, id: string): ByteRange | null {
  const condition = headers.get("if-range");
  return condition === null || condition === etagOf(id) ? parseRange(headers.get("range")) : null;
}

export async function readStatus(env: Env, id: string): Promise<Response> {
  return statusResponse(await callAgain(async () => stubOf(env, id).status()), id);
}

/** What there is to be read, as far as it is known: it does not wait for a head, and is no reader. */
export async function readHead(env: Env, id: string): Promise<Response> {
  const status = await callAgain(async () => stubOf(env, id).status());
  if (status === null) throw streamNotFound(id);
  const { outcome, error } = status;
  if (outcome !== null && status.mode === null) return headlessResponse({ outcome, error }, Object.fromEntries(statusHeaders(status)));
  const headers = statusHeaders(status);
  const contentType = status.contentType ?? (status.mode === "events" ? eventStreamType : null);
  if (contentType !== null) headers.set("content-type", contentType);
  if (status.mode === "bytes") {
    headers.set("accept-ranges", "bytes");
    headers.set("etag", etagOf(id));
    headers.set(headerNames.status, String(status.status));
    if (status.outcome === "completed" || status.outcome === "cancelled") headers.set("content-length", String(status.bytes));
  }
  return new Response(null, { headers });
}

/** The body may name the attempt it means and a reason; both may be left out. */
export async function cancelStream(request: Request, env: Env, id: string): Promise<Response> {
  const text = await readText(request);
  const body = readCancel(text === "" ? "{}" : text);
  return statusResponse(await callAgain(async () => stubOf(env, id).cancel(body.attempt, body.reason)), id);
}

export async function removeStream(env: Env, id: string): Promise<Response> {
  if (!(await callOnce(async () => stubOf(env, id).remove()))) throw streamNotFound(id);
  return new Response(null, { status: 204 });
}

/** Everything is checked before the object is woken: a ticket that is refused costs the stream nothing. */
export async function connectProducer(request: Request, env: Env, id: string, run: string | null): Promise<Response> {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    throw new LongstreamError("upgrade-required", "Cannot connect this producer: the request is no WebSocket upgrade");
  }
  const ticket = await verifyTicket(request.headers.get("authorization"), id, env.TICKET_SECRET, Date.now());
  if (run === null || !/^[A-Za-z0-9_-]{1,64}$/.test(run)) {
    throw new LongstreamError("bad-request", `Cannot connect this producer: its ${headerNames.producer} header names no run`);
  }
  const headers = { upgrade: "websocket", [headerNames.attempt]: String(ticket.attempt), [headerNames.producer]: run };
  const response = await callOnce(async () => stubOf(env, id).fetch(`https://object${objectPaths.producer}`, { headers }));
  if (response.status === 404) throw streamNotFound(id);
  return response;
}

/** A cancel says little. */
const maxCancelBytes = 16 * 1024;

/** @throws LongstreamError `request-too-large`. */
async function readText(request: Request): Promise<string> {
  const body = new RequestBody(request, maxCancelBytes, "this request's limit");
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { bytes, part } = await body.next();
    text += decoder.decode(bytes, { stream: part === "more" });
    if (part === "last") return text;
  }
}

function readCancel(text: string): { attempt: number | null; reason: string } {
  try {
    const reader = JsonReader.parse(text, "the cancel request");
    return {
      attempt: reader.optional("attempt", (inner, field) => inner.integer(field, 1)),
      reason: reader.optional("reason", (inner, field) => inner.string(field).slice(0, limits.maxErrorChars)) ?? "cancelled by request",
    };
  } catch (error) {
    throw new LongstreamError("bad-request", `${describe(error)}; send {} or {"attempt": 1, "reason": "..."}`);
  }
}

function statusResponse(status: StreamStatus | null, id: string): Response {
  if (status === null) throw streamNotFound(id);
  return Response.json(status, { headers: statusHeaders(status) });
}

function statusHeaders({ id, outcome }: StreamStatus): Headers {
  const headers = new Headers({ "cache-control": "no-store", [headerNames.streamId]: id });
  if (outcome !== null) headers.set(headerNames.outcome, outcome);
  return headers;
}
