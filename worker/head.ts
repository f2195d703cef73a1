/** Owns the rules for a handler's head: what it may be, and that it stays what readers were told. */

import { LongstreamError, describe } from "../protocol/errors.ts";
import { eventStreamType } from "../protocol/http.ts";
import { limits } from "../protocol/limits.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import type { RouteKind } from "./settings.ts";

/** Statuses whose answers have no body (RFC 9110, section 6.4.1). */
export const bodilessStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

/** Of a route that answers with events before its handler does. */
export const impliedHead: ResponseHead = { status: 200, headers: [["content-type", eventStreamType]], mode: "events" };

/**
 * Checks what an attempt answers against what the route promises and what an earlier attempt answered.
 *
 * @throws LongstreamError `bad-handler-result`, or `replay-diverged` for another answer than the first attempt's.
 */
export function checkHead(head: ResponseHead, first: ResponseHead | null, kind: RouteKind): void {
  if (kind === "events" && (head.mode !== "events" || head.status !== 200)) {
    const type = head.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "no content type";
    const what = `Cannot answer with ${head.status} and ${type}: the route is of kind "events", and its clients were answered 200 and ${eventStreamType}`;
    throw new LongstreamError("bad-handler-result", `${what}; make it kind = "response"`);
  }
  if (head.mode === "events" && bodilessStatuses.has(head.status)) {
    throw new LongstreamError("bad-handler-result", `Cannot answer ${head.status} with an event stream: it has no body`);
  }
  if (first === null) return checkHeaders(head);
  if (first.status === head.status && first.mode === head.mode) return;
  throw new LongstreamError(
    "replay-diverged",
    `Cannot go on with status ${head.status} and ${head.mode}: the first attempt answered ${first.status} and ${first.mode}`,
  );
}

function checkHeaders({ headers }: ResponseHead): void {
  const headerBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (headerBytes > limits.maxHeaderBytes) {
    throw new LongstreamError("bad-handler-result", `Cannot answer with headers of ${headerBytes} bytes: the limit is ${limits.maxHeaderBytes}`);
  }
  for (const [name, value] of headers) checkHeader(name, value);
}

function checkHeader(name: string, value: string): void {
  try {
    new Headers().append(name, value);
  } catch (error) {
    throw new LongstreamError("bad-handler-result", `Cannot answer with the header ${JSON.stringify(name.slice(0, 80))}: ${describe(error, 200)}`);
  }
}
