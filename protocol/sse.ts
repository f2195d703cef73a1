/** Owns the bytes of server-sent events as this project writes them (WHATWG HTML, section 9.2). */

import { formatCursor } from "./cursor.ts";
import type { ResetReason } from "./cursor.ts";
import { LongstreamError } from "./error-codes.ts";
import type { ErrorCode } from "./error-codes.ts";
import { limits } from "./limits.ts";

/** How a stream ended; stored with its last event. */
export type Outcome = "completed" | "failed" | "cancelled" | "expired";

export function isOutcome(text: string): text is Outcome {
  return text === "completed" || text === "failed" || text === "cancelled" || text === "expired";
}

/** Why an outcome is not `completed`. */
export interface StreamFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

export const controlEvents = { reset: "longstream.reset", end: "longstream.end" } as const;
const reservedPrefix = "longstream.";

const lineBreak = /\r\n|\r|\n/;
// oxlint-disable-next-line no-control-regex -- CR, LF and NUL are exactly what must not reach a field
const forbiddenInName = /[\r\n\0]/;

/**
 * The lines of one event without id and without the blank line, LF only: an optional `event:` line, then a `data:` line
 * for each line of `data`.
 *
 * @throws LongstreamError `bad-event` when the name cannot be one.
 */
export function eventLines(event: string | undefined, data: string): string {
  const lines = lineBreak.test(data) ? data.split(lineBreak).join("\ndata: ") : data;
  return event === undefined || event === "" ? `data: ${lines}\n` : `event: ${checkName(event)}\ndata: ${lines}\n`;
}

function checkName(event: string): string {
  if (forbiddenInName.test(event)) {
    throw new LongstreamError(
      "bad-event",
      `Cannot write the event named ${JSON.stringify(event.slice(0, 80))}: an event name must not contain CR, LF or NUL`,
    );
  }
  if (event.startsWith(reservedPrefix)) {
    throw new LongstreamError(
      "bad-event",
      `Cannot write the event named ${JSON.stringify(event.slice(0, 80))}: names that start with "${reservedPrefix}" are the gateway's own`,
    );
  }
  return event;
}

/** Refuses an encoded event that would not fit a log row. */
export function checkEventBytes(byteLength: number): void {
  if (byteLength <= limits.maxEventBytes) return;
  throw new LongstreamError(
    "event-too-large",
    `Cannot write an event of ${byteLength} bytes: the limit is ${limits.maxEventBytes}; split it, or send a link to it`,
  );
}

/** The bytes that follow an event's lines up to its seq: `id: <log>-`. */
export function idPrefix(log: string): string {
  return `id: ${log}-`;
}

/** What stands after event `seq` in the log, from the line break before its id to the blank line. */
export function idSuffix(log: string, seq: number): string {
  return `\nid: ${formatCursor(log, seq)}\n\n`;
}

/**
 * First bytes of every event stream: a comment, so that proxies and clients see the head, the reconnect delay, and the
 * cursor before the first event that follows. A block without data dispatches nothing and moves the cursor: an
 * EventSource that is cut before its first event comes back to this stream, and does not have another one made.
 */
export function preamble(retryMs: number, log: string, seq: number): string {
  return `: longstream\nretry: ${retryMs}${idSuffix(log, seq)}`;
}

/** The whole of a body for a reader that should come back later: with the cursor it has, or to the log it began. */
export function retryLater(retryMs: number, log: string | null): string {
  return log === null ? `: longstream\nretry: ${retryMs}\n\n` : preamble(retryMs, log, 0);
}

/** Sent after silence, without an id, so that it moves no cursor. */
export const heartbeat = ":\n\n";

/** Tells a reader that its cursor could not be honoured, and where the log now starts. */
export interface Reset {
  readonly reason: ResetReason;
  /** Cursor before the first event that follows. */
  readonly first: string;
}

export function resetEvent(reset: Reset): string {
  return `event: ${controlEvents.reset}\ndata: ${JSON.stringify(reset)}\n\n`;
}

/** The same for a client that must not be sent events it does not know. */
export function resetComment(reset: Reset): string {
  return `: ${controlEvents.reset} ${JSON.stringify(reset)}\n\n`;
}

/** How and why a stream ended; carries the last cursor, so that a reconnect from it is answered 204. */
export function endEvent(log: string, seq: number, outcome: Outcome, failure: StreamFailure | null): string {
  const data = JSON.stringify(failure === null ? { outcome } : { outcome, error: failure });
  return `event: ${controlEvents.end}\ndata: ${data}${idSuffix(log, seq)}`;
}

/** `retry:` of one connection: random, so that the clients of one restart do not return together. */
export function retryDelayMs(random: () => number): number {
  return 1_000 + Math.floor(random() * 2_000);
}
