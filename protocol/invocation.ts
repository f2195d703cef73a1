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

/** @throws LongstreamError `bad-request` when the event is something else, such as a direct invocation. */
export function parseInvocation(event: unknown): Invocation {
  try {
    const reader = new JsonReader(event, "the invocation event");
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
