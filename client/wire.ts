/** Owns reading the JSON that a gateway sends to readers. */

import { isResetReason, parseCursor } from "../protocol/cursor.ts";
import { LongstreamError, isErrorCode } from "../protocol/error-codes.ts";
import { isOutcome } from "../protocol/sse.ts";
import type { Outcome, Reset } from "../protocol/sse.ts";

/** What `longstream.end` and the stream's status have in common. */
export interface Ending {
  /** Null where the stream goes on. */
  readonly outcome: Outcome | null;
  /** What the iteration throws; null for an outcome that is no error. */
  readonly error: LongstreamError | null;
  /** Of the status. */
  readonly lastSeq: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** The fields of a JSON object; none where the text is something else. */
export function fieldsOf(text: string): Fields {
  try {
    return toFields(JSON.parse(text));
  } catch {
    return {};
  }
}

function toFields(value: unknown): Fields {
  return Object.fromEntries(Object.entries(value ?? {}));
}

/** @throws LongstreamError `protocol-error`. */
export function readEnding(text: string): Ending {
  const { outcome, error, lastSeq } = fieldsOf(text);
  if (outcome !== null && (typeof outcome !== "string" || !isOutcome(outcome))) throw unreadable(text);
  const bad = outcome === "failed" || outcome === "expired";
  return { outcome, error: bad ? readFailure(outcome, error) : null, lastSeq };
}

function readFailure(outcome: "failed" | "expired", error: unknown): LongstreamError {
  const { code, message } = toFields(error);
  const text = typeof message === "string" ? message : `The stream ${outcome}`;
  return new LongstreamError(isErrorCode(code) ? code : outcome === "expired" ? outcome : "handler-failed", text);
}

/** @throws LongstreamError `protocol-error`. */
export function readReset(text: string): Reset {
  const { reason, first } = fieldsOf(text);
  if (typeof reason !== "string" || !isResetReason(reason) || typeof first !== "string" || parseCursor(first) === undefined) {
    throw unreadable(text);
  }
  return { reason, first };
}

function unreadable(text: string): LongstreamError {
  return new LongstreamError("protocol-error", `Cannot read what the gateway says: ${text.slice(0, 200)}`);
}
