/** Owns the head of an upstream's answer: what of it is the stream's. */

import { connectionOptions, eventStreamType, headerNames } from "../protocol/http.ts";
import type { HeaderPairs, ResponseHead } from "../protocol/producer-messages.ts";

/** Of the connection to the upstream (RFC 9110, section 7.6.1), or of the gateway's own protocol. */
const notKept = new Set<string>([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  headerNames.streamId,
  headerNames.streamUrl,
  headerNames.outcome,
  headerNames.status,
]);
/** Headers that speak of bytes: those of a log of events are others. */
const ofBytes = new Set(["content-length", "content-encoding", "content-range", "accept-ranges", "etag", "last-modified"]);
/** Encodings that `fetch` has undone by the time its body is read. */
const decoded = new Set(["gzip", "br"]);
const aboutEncoded = new Set(["content-length", "content-encoding"]);

export function upstreamHead(response: Response): ResponseHead {
  const { status, headers } = response;
  const mode = response.body !== null && isEventStream(headers) ? "events" : "bytes";
  const dropped = mode === "events" ? ofBytes : decoded.has((headers.get("content-encoding") ?? "").trim().toLowerCase()) ? aboutEncoded : none;
  const named = connectionOptions(headers.get("connection"));
  const kept: HeaderPairs = [...headers].filter(([name]) => !notKept.has(name) && !named.has(name) && !dropped.has(name));
  return { status, headers: kept, mode };
}

const none: ReadonlySet<string> = new Set();

function isEventStream(headers: Headers): boolean {
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase() === eventStreamType;
}
