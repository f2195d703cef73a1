/** Owns the verdict: what is stored of a stream, held against what was seen of it from outside. It shares no code with the product. */

import type { Checkpoint, Ending, History, Seen } from "./history.ts";
import type { FaultKind, Fault, Outcome, Stretch } from "./transcript.ts";
import { checkpointTrue, turnsKept, writtenByOthers } from "./turns.ts";

/** The log as it was found, from its first event. */
export interface Stored {
  /** Where and when. */
  readonly found: string;
  readonly stretches: readonly Stretch[];
  readonly faults: readonly Fault[];
  readonly outcome: Outcome | null;
  /** Undefined where it was not asked for. */
  readonly checkpoint: Checkpoint | null | undefined;
  /** The highest attempt that is stored as made; undefined where it was not asked for. */
  readonly attempt: number | undefined;
}

export type ViolationKind =
  | FaultKind
  | "acknowledged-lost"
  | "seen-lost"
  | "seen-changed"
  | "false-end"
  | "fenced-wrote"
  | "fenced-let-in"
  | "fenced-dropped"
  | "turn-went-back"
  | "kept-from-writing"
  | "attempt-unknown"
  | "digest-foreign"
  | "checkpoint-ahead"
  | "checkpoint-lost"
  | "checkpoint-late"
  | "checkpoint-altered"
  | "outcome-lost"
  | "outcome-unasked"
  | "outcome-apart";

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

/** Everything that must hold of a log once its object is back, and of its files the moment workerd is dead. */
export function checkKept(history: History, stored: Stored): readonly Violation[] {
  return [...checkWhole(history, stored), ...lost(history, stored), ...unseen(history, stored), ...outcomesLost(history, stored)];
}

/** What must hold of any beginning of its commits, whatever is missing behind it. */
export function checkWhole(history: History, stored: Stored): readonly Violation[] {
  const checks = [faulty, fencedWrote, attemptKnown, checkpointBound, outcomeAsked];
  return checks.flatMap((check) => check(history, stored));
}

/** What was heard of the stream on the way, whatever is stored. */
export function checkHeard(history: History): readonly Violation[] {
  const misread: Violation[] = history.seen.flatMap(({ by, faults }) => faults.map(({ kind, what }) => ({ kind, what: `${by}: ${what}` })));
  const halted: Violation[] = history.halts.map((what) => ({ kind: "kept-from-writing", what }));
  return [...misread, ...turnsKept(history), ...checkTries(history), ...halted];
}

/** Whoever has no right to write is told so. A connection that nobody killed is lost only where the object or the gateway broke. */
export function checkTries({ tries }: Pick<History, "tries">): readonly Violation[] {
  return tries
    .filter(({ answer }) => answer !== "refused" && answer !== "cut off")
    .map(({ kind, attempt, answer, detail }) => ({
      kind: answer === "dropped" ? "fenced-dropped" : "fenced-let-in",
      what: `attempt ${attempt}, ${kind}, was ${answer}: ${detail}`,
    }));
}

export function lastSeqOf({ stretches }: Pick<Stored, "stretches">): number {
  return stretches.at(-1)?.last ?? 0;
}

function faulty(_history: History, { faults, stretches }: Stored): Violation[] {
  const first = stretches[0]?.first ?? 1;
  const late: Violation[] = first === 1 ? [] : [{ kind: "gap", what: `the log begins with ${first}` }];
  return [...faults, ...late];
}

function lost({ ackedSeq, ackedCheckpoint }: History, stored: Stored): Violation[] {
  const found: Violation[] = [];
  const lastSeq = lastSeqOf(stored);
  if (lastSeq < ackedSeq) found.push({ kind: "acknowledged-lost", what: `${ackedSeq} was acknowledged, and the log ends with ${lastSeq}` });
  if (stored.checkpoint !== undefined && (stored.checkpoint?.seq ?? 0) < ackedCheckpoint) {
    found.push({ kind: "checkpoint-lost", what: `the one at ${ackedCheckpoint} was acknowledged, and that at ${stored.checkpoint?.seq ?? "none"} is stored` });
  }
  return found;
}

function unseen(history: History, stored: Stored): Violation[] {
  return history.seen.flatMap((seen) => {
    const found: Violation[] = [];
    const lastSeq = lastSeqOf(stored);
    if (lastSeq < seen.lastSeq) found.push({ kind: "seen-lost", what: `${seen.by} saw ${seen.lastSeq}, and the log ends with ${lastSeq}` });
    const changed = firstChange(seen, stored);
    if (changed !== null) found.push({ kind: "seen-changed", what: `${seen.by} saw another ${changed} than is stored` });
    if (seen.end === "clean" && stored.outcome === null) found.push({ kind: "false-end", what: `the body of ${seen.by} ended cleanly, and the stream did not` });
    return found;
  });
}

function firstChange(seen: Seen, { stretches }: Stored): number | null {
  for (const mine of seen.stretches) {
    const other = stretches.find(({ first, last, writer }) => first <= mine.last && last >= mine.first && writer !== mine.writer);
    if (other !== undefined) return Math.max(mine.first, other.first);
  }
  return null;
}

function fencedWrote({ turns }: History, { stretches }: Stored): Violation[] {
  return writtenByOthers(turns, stretches);
}

function attemptKnown(_history: History, { attempt, stretches }: Stored): Violation[] {
  const unknown = stretches.find(({ writer }) => attempt !== undefined && writer > attempt);
  return unknown === undefined ? [] : [{ kind: "attempt-unknown", what: `${unknown.first} is by attempt ${unknown.writer}, and what is stored knows of ${attempt}` }];
}

/** Never ahead of the log, and never behind it: it was announced before its event, so one commit has both. */
function checkpointBound({ log, turns, announced }: History, stored: Stored): Violation[] {
  if (stored.checkpoint === undefined) return [];
  const lastSeq = lastSeqOf(stored);
  const due = announced.filter(({ turn, seq }) => seq <= lastSeq && turns.slice(turn + 1).every(({ behind }) => behind >= seq));
  const latest = Math.max(0, ...due.map(({ seq }) => seq));
  const found = checkpointTrue(log, turns, stored.checkpoint, lastSeq);
  if ((stored.checkpoint?.seq ?? 0) >= latest) return found;
  return [...found, { kind: "checkpoint-late", what: `${latest} is stored without its checkpoint: that at ${stored.checkpoint?.seq ?? "none"} is` }];
}

function outcomesLost({ outcomes }: History, stored: Stored): Violation[] {
  return outcomes
    .filter((seen) => stored.outcome === null || !sameOutcome(seen, stored.outcome))
    .map(({ how, outcome }) => ({ kind: "outcome-lost", what: `${outcome} was seen (${how}), and ${stored.outcome?.outcome ?? "none"} is stored` }));
}

/** An ending is void once another turn began: it did not come to be, or it was not asked for by the one who had to. */
function outcomeAsked({ turns, endings }: History, stored: Stored): Violation[] {
  const { outcome } = stored;
  const lastSeq = lastSeqOf(stored);
  const valid = endings.filter(({ turn }) => turn === turns.length - 1);
  if (outcome === null) {
    const apart = valid.find(({ seq, lastEvent }) => lastEvent === "in the same commit" && seq !== null && lastSeq >= seq);
    return apart === undefined ? [] : [{ kind: "outcome-apart", what: `${apart.seq} is stored without the outcome of its commit` }];
  }
  const asked = valid.find((ending) => sameOutcome(ending, outcome));
  if (asked === undefined) return [{ kind: "outcome-unasked", what: `${JSON.stringify(outcome)} is stored` }];
  return endsBehind(asked, lastSeq) ? [] : [{ kind: "outcome-apart", what: `the outcome behind ${asked.seq} is stored, and the log ends with ${lastSeq}` }];
}

function endsBehind({ seq }: Ending, lastSeq: number): boolean {
  return seq === null || seq === lastSeq;
}

function sameOutcome(a: Outcome, b: Outcome): boolean {
  return a.outcome === b.outcome && a.message === b.message;
}
