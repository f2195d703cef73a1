/** Owns the payload by which the object invokes a function for one attempt. */

import { LongstreamError } from "./errors.ts";
import { JsonReader } from "./json.ts";

/** Kept small: the request itself goes over the producer socket. */
export interface Invocation {
  /** Version of this payload and of the producer protocol. */
  readonly longstream: 1;
  readonly stream: string;
  readonly attempt: number;
  /** `https:` URL of the stream; the producer socket is `{url}/producer`. */
  readonly url: string;
  readonly ticket: string;
}

/** True for a request to the function's URL (payload format 2.0): its caller waits for an HTTP answer. */
export function cameByUrl(event: unknown): boolean {
  return typeof event === "object" && event !== null && "requestContext" in event && "rawPath" in event;
}

/**
 * Reads an event as the Invoke API hands it over, or the body of a request to the function's URL.
 *
 * @throws LongstreamError `bad-request` when the event is something else, such as a direct invocation.
 */
export function parseInvocation(event: unknown): Invocation {
  try {
    const reader = cameByUrl(event) ? readBody(event) : new JsonReader(event, "the invocation event");
    if (reader.integer("longstream", 1) !== 1) throw reader.bad("longstream", "1, the only version this runtime knows");
    return {
      longstream: 1,
      stream: reader.string("stream"),
      attempt: reader.integer("attempt", 1),
      url: reader.string("url"),
      ticket: reader.string("ticket"),
    };
  } catch (error) {
    throw new LongstreamError(
      "bad-request",
      `Cannot run this function: it was not invoked by a Longstream gateway (${error instanceof Error ? error.message : "unreadable event"}); ` +
        "point a route of the gateway at it and request that route",
      { cause: error },
    );
  }
}

function readBody(event: unknown): JsonReader {
  const request = new JsonReader(event, "the request to the function's URL");
  const body = request.string("body");
  // Lambda encodes what it takes for binary, by its content type.
  return JsonReader.parse(request.is("isBase64Encoded") ? decodeBase64(body) : body, "the invocation event");
}

function decodeBase64(text: string): string {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
