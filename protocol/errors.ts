/** Owns the one table that gives each error code its HTTP status, close code and retry rule, and what is told of an error. */

import { LongstreamError, isErrorCode } from "./error-codes.ts";
import type { ErrorCode, PassingCode } from "./error-codes.ts";
import { limits } from "./limits.ts";

export { LongstreamError, isErrorCode } from "./error-codes.ts";
export type { ErrorCode } from "./error-codes.ts";

/** WebSocket close codes of producer and consumer sockets (RFC 6455, section 7.4). */
export const closeCodes = {
  done: 1000,
  /** Never sent: what a peer sees when the other side vanished. */
  lost: 1006,
  protocolError: 4400,
  notFound: 4404,
  fenced: 4409,
  limit: 4413,
} as const;

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

interface ErrorRow<Retry = boolean> {
  /** Status of a problem-details answer. */
  readonly status: number;
  /** Close code where the error ends a socket. */
  readonly close: CloseCode;
  /** Whether the same request may succeed later without anybody changing anything. */
  readonly retry: Retry;
}

const table = {
  "bad-request": { status: 400, close: closeCodes.protocolError, retry: false },
  "bad-config": { status: 500, close: closeCodes.protocolError, retry: false },
  "bad-ticket": { status: 401, close: closeCodes.protocolError, retry: false },
  "route-not-found": { status: 404, close: closeCodes.notFound, retry: false },
  "stream-not-found": { status: 404, close: closeCodes.notFound, retry: false },
  "method-not-allowed": { status: 405, close: closeCodes.protocolError, retry: false },
  "upgrade-required": { status: 426, close: closeCodes.protocolError, retry: false },
  "request-too-large": { status: 413, close: closeCodes.limit, retry: false },
  /** The client left in mid-upload, or its connection fell silent. */
  "upload-broken": { status: 400, close: closeCodes.done, retry: false },
  "url-too-long": { status: 414, close: closeCodes.limit, retry: false },
  "headers-too-large": { status: 431, close: closeCodes.limit, retry: false },
  "stream-exists": { status: 409, close: closeCodes.protocolError, retry: false },
  "range-not-satisfiable": { status: 416, close: closeCodes.protocolError, retry: false },
  /** The function has not answered yet; its stream lives on. */
  "head-timeout": { status: 504, close: closeCodes.lost, retry: true },
  unavailable: { status: 503, close: closeCodes.lost, retry: true },
  "too-many-readers": { status: 503, close: closeCodes.limit, retry: true },
  fenced: { status: 409, close: closeCodes.fenced, retry: false },
  "protocol-error": { status: 400, close: closeCodes.protocolError, retry: false },
  /** Frames were lost on the way: the producer dials again and resends. */
  "seq-gap": { status: 400, close: closeCodes.protocolError, retry: true },
  "frame-too-large": { status: 413, close: closeCodes.limit, retry: false },
  "event-too-large": { status: 413, close: closeCodes.limit, retry: false },
  "stream-too-large": { status: 413, close: closeCodes.limit, retry: false },
  "checkpoint-too-large": { status: 413, close: closeCodes.limit, retry: false },
  "bad-event": { status: 502, close: closeCodes.done, retry: false },
  "bad-handler-result": { status: 502, close: closeCodes.done, retry: false },
  "handler-failed": { status: 502, close: closeCodes.done, retry: false },
  "replay-diverged": { status: 502, close: closeCodes.done, retry: false },
  "invoke-failed": { status: 502, close: closeCodes.done, retry: false },
  /** An upstream broke its answer off, and cannot be asked for the rest. */
  "upstream-dropped": { status: 502, close: closeCodes.done, retry: false },
  "attempts-exhausted": { status: 502, close: closeCodes.done, retry: false },
  expired: { status: 504, close: closeCodes.done, retry: false },
  cancelled: { status: 410, close: closeCodes.done, retry: false },
} as const satisfies { readonly [Code in ErrorCode]: ErrorRow<Code extends PassingCode ? true : false> };

export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table;

/** A close reason that names its error. */
export function closeReason(error: LongstreamError): string {
  return `${error.code}: ${error.message}`;
}

/** The error a close reason names, or null. */
export function errorOfClose(reason: string): LongstreamError | null {
  const [code = "", ...rest] = reason.split(": ");
  return isErrorCode(code) && rest.length > 0 ? new LongstreamError(code, rest.join(": ")) : null;
}

/** The text of anything that was thrown, bounded, for a stored reason or a log line. */
export function describe(thrown: unknown, maxChars: number = limits.maxErrorChars): string {
  const text = textOf(thrown);
  return text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
}

/** Never throws: a handler may throw what has no text, and its stream must be told all the same. */
function textOf(thrown: unknown): string {
  try {
    const text: unknown = thrown instanceof Error ? thrown.message || thrown.name : thrown;
    return String(text);
  } catch {
    return "a thrown value without a text";
  }
}

/** Problem details for an error answer (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
}

export function toProblem(error: LongstreamError): Problem {
  const { status } = errorTable[error.code];
  return {
    type: `urn:longstream:error:${error.code}`,
    title: error.code.replaceAll("-", " "),
    status,
    detail: error.message,
    code: error.code,
  };
}
