/** Owns the account of a stream's attempts: when each was invoked, dialled in and ended, and why. Pure. */

import type { StreamEvent, StreamState } from "./stream-state.ts";
import { activeOf } from "./stream-state.ts";

/** Times are milliseconds since the epoch; null for what has not happened. */
export interface AttemptRecord {
  readonly attempt: number;
  readonly invokedAt: number;
  readonly dialledAt: number | null;
  readonly endedAt: number | null;
  /** Durable seq when it ended. */
  readonly lastSeq: number | null;
  /** Why it ended; null while it goes on. */
  readonly reason: string | null;
}

/** A chain of a day has more; the oldest are dropped. */
const maxRecords = 100;

/** A step of the state machine, as far as it tells of attempts. */
export interface Stepped {
  readonly before: StreamState | null;
  readonly event: StreamEvent | null;
  readonly after: StreamState;
  readonly nowMs: number;
  readonly tailSeq: number;
}

export function account(records: readonly AttemptRecord[], { before, event, after, nowMs, tailSeq }: Stepped): readonly AttemptRecord[] {
  const known = records.at(-1)?.attempt ?? 0;
  const issued = after.phase === "ended" ? known : after.attempts.issued;
  const invoked = Array.from({ length: Math.max(0, issued - known) }, (_, index): AttemptRecord => ({
    attempt: known + 1 + index,
    invokedAt: nowMs,
    dialledAt: null,
    endedAt: null,
    lastSeq: null,
    reason: null,
  }));
  const present = presentIn(after);
  return [...records, ...invoked]
    .map((record) => {
      if (record.endedAt !== null) return record;
      const dialled = record.dialledAt === null && event?.type === "dial" && event.producer.attempt === record.attempt && present.has(record.attempt);
      if (present.has(record.attempt)) return dialled ? { ...record, dialledAt: nowMs } : record;
      return { ...record, endedAt: nowMs, lastSeq: tailSeq, reason: reasonOf(record.attempt, before, event, after) };
    })
    .slice(-maxRecords);
}

/** Attempts that may still come, or are there. */
function presentIn(state: StreamState): ReadonlySet<number> {
  const active = activeOf(state);
  const present = active === null ? [] : [active.attempt];
  switch (state.phase) {
    case "pending":
      return new Set([state.attempt]);
    case "handing":
      return new Set([...present, state.successor]);
    case "standby":
      return new Set([...present, state.standby.attempt]);
    case "backoff":
    case "live":
    case "detached":
    case "ended":
      return new Set(present);
  }
}

function reasonOf(attempt: number, before: StreamState | null, event: StreamEvent | null, after: StreamState): string {
  if (event?.type === "yield" && event.producer.attempt === attempt) return "handed over";
  if (after.phase === "ended") {
    if (attempt !== after.attempt) return `the stream has ended: ${after.outcome}`;
    return after.error === null ? after.outcome : `${after.outcome}: ${after.error.message}`;
  }
  const waited = before !== null && (before.phase === "handing" || before.phase === "standby") && activeOf(before)?.attempt !== attempt;
  return waited ? "the successor did not come, or was lost" : after.attempts.lastReason;
}
