/** Owns the cursor: the SSE `id` that names one position of one log. */

import { maxCursorBytes } from "./limits.ts";

/** A position after the event `seq` of the log `log`; seq 0 is before the first event. */
export interface Cursor {
  readonly log: string;
  readonly seq: number;
}

const cursorPattern = /^([A-Za-z0-9_-]+)-(0|[1-9][0-9]{0,15})$/;
const seqPattern = /^(0|[1-9][0-9]{0,15})$/;

export function formatCursor(log: string, seq: number): string {
  return `${log}-${seq}`;
}

/** Parses from the last `-`, since a nanoid may contain one. Undefined when the text is no cursor of any log. */
export function parseCursor(text: string): Cursor | undefined {
  const [, log, digits] = (text.length > maxCursorBytes ? null : cursorPattern.exec(text)) ?? [];
  const seq = Number(digits);
  return log === undefined || !Number.isSafeInteger(seq) ? undefined : { log, seq };
}

/**
 * Where a reader wants to start. What a client sent is parsed into this once, at the Worker; nothing further in sees
 * the text.
 */
export type From =
  | { readonly kind: "start" }
  | { readonly kind: "cursor"; readonly log: string; readonly seq: number }
  | { readonly kind: "seq"; readonly seq: number }
  | { readonly kind: "unknown" };

/** Reads a `Last-Event-ID` or a `from` value: a cursor, or a bare seq meaning "after this event". */
export function parseFrom(text: string | null): From {
  if (text === null || text === "") return { kind: "start" };
  if (seqPattern.test(text)) {
    const seq = Number(text);
    return Number.isSafeInteger(seq) ? { kind: "seq", seq } : { kind: "unknown" };
  }
  const cursor = parseCursor(text);
  return cursor === undefined ? { kind: "unknown" } : { kind: "cursor", ...cursor };
}

/** Why a reader is not where it asked to be. */
export type ResetReason = "unknown" | "foreign" | "beyond-end" | "truncated";

export function isResetReason(text: string): text is ResetReason {
  return text === "unknown" || text === "foreign" || text === "beyond-end" || text === "truncated";
}
