/** Owns the spelling of every header and path of the HTTP surface, public and internal. */

// Named alone, since a page needs these and no other.
export const lastEventId = "last-event-id";
export const streamUrl = "stream-url";
export const streamOutcome = "stream-outcome";

export const headerNames = {
  lastEventId,
  streamId: "stream-id",
  streamUrl,
  outcome: streamOutcome,
  /** The handler's own status, where the answer is the log and has its own. */
  status: "stream-status",
  /** Producer's upgrade: which run of an invocation dials. A duplicate delivery has another. */
  producer: "longstream-producer",
  /** Worker to object only; the Worker never passes a client's own on. */
  attempt: "longstream-attempt",
  consume: "longstream-consume",
} as const;

export const eventStreamType = "text/event-stream";

/** Headers of every event-stream answer. Never `connection` or `content-length`. */
export const eventStreamHeaders: Readonly<Record<string, string>> = {
  "content-type": eventStreamType,
  "cache-control": "no-cache, no-store, no-transform",
  "x-accel-buffering": "no",
};

/**
 * What a `Connection` header names, in lower case: headers that are of one connection as well (RFC 9110, section 7.6.1).
 * Trimmed apart, since a pattern with the spaces in it takes seconds over a header that is full of them.
 */
export function connectionOptions(text: string | null): ReadonlySet<string> {
  return new Set((text ?? "").toLowerCase().split(",").map((name) => name.trim()));
}

/** Paths between Worker and object. */
export const objectPaths = { consume: "/consume", producer: "/producer" } as const;

/** Public paths under one stream. */
export type StreamAction = "read" | "status" | "cancel" | "producer";

const streamsPrefix = "/streams/";
const streamIdPattern = /^[A-Za-z0-9_-]{1,40}$/;

export interface StreamPath {
  readonly id: string;
  readonly action: StreamAction;
}

/** Undefined when the path is not of the form `/streams/{id}[/action]`. */
export function parseStreamPath(pathname: string): StreamPath | undefined {
  if (!pathname.startsWith(streamsPrefix)) return undefined;
  const [id = "", action = "read", ...rest] = pathname.slice(streamsPrefix.length).split("/");
  if (rest.length > 0 || !streamIdPattern.test(id)) return undefined;
  if (pathname.endsWith("/read")) return undefined;
  switch (action) {
    case "read":
    case "status":
    case "cancel":
    case "producer":
      return { id, action };
    default:
      return undefined;
  }
}

export function streamPath(id: string, action: StreamAction = "read"): string {
  return action === "read" ? `${streamsPrefix}${id}` : `${streamsPrefix}${id}/${action}`;
}
