/** Owns the request to an upstream: the client's own, carried on to its URL, signed or with the route's headers. */

import { AwsClient } from "aws4fetch";
import { LongstreamError } from "../protocol/errors.ts";
import { eventStreamType, headerNames } from "../protocol/http.ts";
import type { HeaderPairs, RequestHead } from "../protocol/producer-messages.ts";
import type { LambdaAccess } from "./lambda.ts";
import type { OutgoingBody } from "./upstream-upload.ts";
import type { Resumption } from "./upstream-resume.ts";
import { fillIn, upstreamName } from "./upstream-target.ts";
import type { SecretOf, UpstreamTarget } from "./upstream-target.ts";

/** What one attempt asks of the upstream. */
export interface UpstreamAsk {
  readonly target: UpstreamTarget;
  /** Path of the stream's route, as configured. */
  readonly route: string;
  readonly request: RequestHead;
  readonly resumption: Resumption;
  readonly body: OutgoingBody;
}

/** Read at each request, and kept nowhere. */
export interface UpstreamAccess {
  readonly lambda: LambdaAccess;
  readonly secret: SecretOf;
}

/** What Lambda takes; a signature covers the whole body. */
const maxSignedBytes = 6 * 1024 * 1024;
/** A body that is here already and as small as that is sent as one. */
const maxWholeBytes = 64 * 1024;

/** @throws LongstreamError `invoke-failed` for a header or a body that cannot be sent; it never tells the header's value. */
export async function upstreamRequest(ask: UpstreamAsk, access: UpstreamAccess): Promise<Request> {
  const { target, request, resumption, body } = ask;
  const url = upstreamUrl(ask);
  const method = resumption.from === "starting-after" ? "GET" : request.method;
  const bodiless = method === "GET" || method === "HEAD" || body.length === 0;
  const content = bodiless ? {} : { body: target.region === null ? await toBody(body) : await body.whole(maxSignedBytes) };
  const headers = passedOn(ask, bodiless ? "none" : "sent");
  setOwn(headers, target, access.secret);
  setResumption(headers, resumption);
  // An encoding of the upstream's choice would make its positions those of other bytes.
  headers.set("accept-encoding", "identity");
  for (const [name, value] of await signature(target, { url: url.href, method, ...content }, access.lambda)) headers.set(name, value);
  return new Request(url.href, { method, headers, redirect: "manual", ...content });
}

/** Of known length where it is known: not every upstream takes a chunked request. */
async function toBody(body: OutgoingBody): Promise<BodyInit> {
  const { length } = body;
  if (length === null) return body.stream();
  if (length <= maxWholeBytes) return body.whole(maxWholeBytes);
  const sized = new FixedLengthStream(length);
  // The reader is told of a failure as well.
  body.stream().pipeTo(sized.writable).catch(() => undefined);
  return sized.readable;
}

/** The route's URL with what the client's has behind the route's prefix, and its query. */
function upstreamUrl({ target, route, request, resumption }: UpstreamAsk): URL {
  const asked = new URL(request.url);
  const url = new URL(target.upstream);
  const rest = route.endsWith("/*") ? asked.pathname.slice(route.length - 2) : "";
  // Set and not resolved: no path of a client's may lead to another host.
  if (rest !== "") url.pathname = url.pathname.replace(/\/$/, "") + rest;
  const query = [url.search, asked.search].map((search) => search.slice(1)).filter((search) => search !== "");
  url.search = query.join("&");
  if (resumption.from === "starting-after") continueAt(url, request.method, resumption);
  return url;
}

/** What a POST has made is read by GET, under its own name. */
function continueAt(url: URL, method: string, { response, after }: Extract<Resumption, { from: "starting-after" }>): void {
  if (method !== "GET") url.pathname = `${url.pathname.replace(/\/$/, "")}/${encodeURIComponent(response)}`;
  url.searchParams.set("stream", "true");
  url.searchParams.set("starting_after", String(after));
}

/** Of the connection to the gateway, or set anew. What the edge adds speaks of that connection too. */
const notPassedOn = new Set(["host", "accept-encoding", "content-length", "x-amzn-trace-id", "x-real-ip", headerNames.lastEventId]);

function passedOn({ target, request, resumption }: UpstreamAsk, body: "none" | "sent"): Headers {
  const headers = new Headers();
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase();
    if (notPassedOn.has(lower) || lower.startsWith("cf-") || lower.startsWith("x-forwarded-")) continue;
    // Its place is taken by the signature, which covers every header of this name.
    if (target.region !== null && (lower === "authorization" || lower.startsWith("x-amz-"))) continue;
    if (body === "none" && lower === "content-type") continue;
    headers.append(name, value);
  }
  if (resumption.from === "last-event-id" || resumption.from === "starting-after") headers.set("accept", eventStreamType);
  return headers;
}

function setOwn(headers: Headers, target: UpstreamTarget, secret: SecretOf): void {
  for (const [name, template] of target.headers) {
    const value = fillIn(template, secret);
    if (value === null) throw unmade(target, name, "a secret it names is missing");
    try {
      if (value === "") headers.delete(name);
      else headers.set(name, value);
    } catch {
      // The error would tell the value.
      throw unmade(target, name, "no header can have its value");
    }
  }
}

function setResumption(headers: Headers, resumption: Resumption): void {
  if (resumption.from === "last-event-id") headers.set(headerNames.lastEventId, resumption.id);
  if (resumption.from !== "range") return;
  const asked = /^bytes=\d+-(\d+)$/.exec(headers.get("range") ?? "")?.[1] ?? "";
  headers.set("range", `bytes=${resumption.offset}-${asked}`);
  if (resumption.etag === null) headers.delete("if-range");
  else headers.set("if-range", resumption.etag);
}

/**
 * Covers the host, the time and the body alone: the edge may change other headers on the way, and AWS asks for no more.
 */
async function signature(
  { region }: UpstreamTarget,
  { url, ...init }: { readonly url: string; readonly method: string; readonly body?: BodyInit },
  { accessKeyId, secretAccessKey, sessionToken }: LambdaAccess,
): Promise<HeaderPairs> {
  if (region === null) return [];
  const client = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }), service: "lambda", region });
  const { headers } = await client.sign(url, init);
  return [...headers].filter(([name]) => name === "authorization" || name.startsWith("x-amz-"));
}

function unmade(target: UpstreamTarget, name: string, why: string): LongstreamError {
  return new LongstreamError("invoke-failed", `Cannot ask ${upstreamName(target)}: its route's upstreamHeaders.${name} cannot be set, since ${why}`);
}
