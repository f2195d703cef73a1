/** Owns the story of a stream: handovers, recoveries, reconnects, evictions and faults in the order of time. Pure. */

import { pauseAfter } from "./account.ts";
import type { AccountState, Note } from "./account.ts";
import type { Attempt, Status } from "./status.ts";

export type HappeningKind = "handover" | "recovery" | "end" | Note["kind"];

export interface Happening {
  readonly kind: HappeningKind;
  readonly atMs: number;
  /** The attempt that ended; null where it is about something else. */
  readonly attempt: number | null;
  /** How long nothing arrived here around it; null where that cannot be told. */
  readonly pauseMs: number | null;
  readonly text: string;
}

export function happeningsOf(account: AccountState, status: Status | null): readonly Happening[] {
  const ends = (status?.attempts ?? []).flatMap((attempt) => endOf(attempt, account, status));
  const notes = account.notes.map(({ kind, atMs, afterSeq, text }): Happening => {
    const comeBack = kind === "reconnect" || kind === "reload";
    return { kind, atMs, attempt: null, pauseMs: comeBack ? pauseAfter(account.ticks, afterSeq) : null, text };
  });
  return [...ends, ...notes].toSorted((a, b) => a.atMs - b.atMs);
}

function endOf({ attempt, endedAtMs, dialledAtMs, lastSeq, end, reason }: Attempt, account: AccountState, status: Status | null): Happening[] {
  if (endedAtMs === null || reason === null) return [];
  // Most reasons name their attempt.
  const text = reason.startsWith(`attempt ${attempt} `) ? reason : `attempt ${attempt}: ${reason}`;
  const last = status?.outcome != null && endedAtMs === status.endedAtMs;
  if (last) return [{ kind: "end", atMs: endedAtMs, attempt, pauseMs: null, text }];
  const kind = end === "handed-over" ? "handover" : "recovery";
  // What happened before this page came was replayed to it: its gaps are not this page's.
  const seen = (account.links[0]?.openedAtMs ?? Infinity) < endedAtMs && dialledAtMs !== null;
  return [{ kind, atMs: endedAtMs, attempt, pauseMs: seen ? pauseAfter(account.ticks, lastSeq ?? 0) : null, text }];
}

/** Which attempt wrote an event: the first that had not ended before it. */
export function writerOf(attempts: readonly Attempt[], seq: number): Attempt | undefined {
  return attempts.find(({ lastSeq, dialledAtMs }) => dialledAtMs !== null && (lastSeq === null || seq <= lastSeq));
}
