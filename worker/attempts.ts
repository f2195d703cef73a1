/** Owns the account of a stream's attempts: when each was invoked, dialled in and ended, and why. Pure. */

import type { StreamEvent, StreamState } from "./stream-state.ts";
import { activeOf } from "./stream-state.ts";

/**
 * `handed-over`: its successor was there, and goes on. `lost`: it was given up, or stopped, before there was one. `unused`: a
 * successor that never took over. `final`: the stream ended with it.
 */
export type AttemptEnd = "handed-over" | "lost" | "unused" | "final";

/** Times are milliseconds since the epoch; null for what has not happened. */
export interface AttemptRecord {
  readonly attempt: number;
  readonly invokedAt: number;
  readonly dialledAt: number | null;
  readonly endedAt: number | null;
  /** Durable seq when it ended. */
  readonly lastSeq: number | null;
  /** How it ended, and why, for an operator; null while it goes on. */
  readonly end: AttemptEnd | null;
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
    end: null,
    reason: null,
  }));
  const present = presentIn(after);
  return [...records, ...invoked]
    .map((record) => {
      if (record.endedAt !== null) return record;
      const dialled = record.dialledAt === null && event?.type === "dial" && event.producer.attempt === record.attempt && present.has(record.attempt);
      if (present.has(record.attempt)) return dialled ? { ...record, dialledAt: nowMs } : record;
      return { ...record, endedAt: nowMs, lastSeq: tailSeq, ...endOf(record.attempt, before, event, after) };
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

function endOf(attempt: number, before: StreamState | null, event: StreamEvent | null, after: StreamState): Pick<AttemptRecord, "end" | "reason"> {
  if (event?.type === "yield" && event.producer.attempt === attempt && before?.phase === "standby") return { end: "handed-over", reason: "handed over" };
  if (after.phase === "ended") {
    // The attempts ran out with this one, before its successor came.
    if (attempt !== after.attempt && before !== null && activeOf(before)?.attempt === attempt) return { end: "lost", reason: after.error?.message ?? after.outcome };
    if (attempt !== after.attempt) return { end: "unused", reason: `the stream has ended: ${after.outcome}` };
    return { end: "final", reason: after.error === null ? after.outcome : `${after.outcome}: ${after.error.message}` };
  }
  const waited = before !== null && (before.phase === "handing" || before.phase === "standby") && activeOf(before)?.attempt !== attempt;
  return waited ? { end: "unused", reason: "the successor did not come, or was lost" } : { end: "lost", reason: after.attempts.lastReason };
}
