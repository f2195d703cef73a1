/** Owns the judgement of a stream that has ended: its outcome by what was done to it, and what each reader was told of it. */

import type { Hit } from "./faults.ts";
import type { StreamPlan } from "./plan.ts";
import type { Attempt, Status } from "./status.ts";
import type { Witness } from "./witness.ts";

export interface StreamRun {
  readonly id: string;
  readonly slot: number;
  readonly plan: StreamPlan;
  readonly begunAtMs: number;
  readonly witnesses: readonly Witness[];
  /** When the storm asked for it; null where it did not. */
  cancelledAtMs: number | null;
  /** Null where it never came to an end. */
  status: Status | null;
}

/** Of an attempt's own times: what hit just before it was invoked is felt by it; after a restart everything comes back. */
const feltMs = 3_000;
/** An armed fault waits for a call, and then holds that one up. */
const armedMs = 30_000;
const fruitlessAttempts = 3;

export function judge(run: StreamRun, hits: readonly Hit[]): readonly string[] {
  const { status, witnesses } = run;
  const seen = witnesses.flatMap(({ violations }) => violations);
  if (status === null) return [...seen, `${run.id} has no outcome`];
  return [...seen, ...judgeOutcome(run, status, hits), ...witnesses.flatMap((witness) => judgeReader(witness, status))];
}

function judgeOutcome({ id, plan, cancelledAtMs }: StreamRun, { outcome, errorCode, lastSeq, attempts }: Status, hits: readonly Hit[]): readonly string[] {
  switch (outcome) {
    case "completed":
      return lastSeq === plan.content.total ? [] : [`${id} completed with ${lastSeq} of ${plan.content.total}`];
    case "cancelled":
      return cancelledAtMs === null ? [`${id} was cancelled, and nobody asked for it`] : [];
    case "failed":
      if (errorCode !== "attempts-exhausted") return [`${id} failed with ${errorCode}`];
      return wereHit(id, lastSeq, attempts, hits) ? [] : [`${id} was given up after three attempts that no three faults explain`];
    case "expired":
    case null:
      return [`${id} ended as ${outcome}`];
  }
}

/** Three attempts without progress, each of which met a fault of its own stream or of all. */
function wereHit(id: string, lastSeq: number, attempts: readonly Attempt[], hits: readonly Hit[]): boolean {
  const stuck = attempts.filter((attempt) => attempt.lastSeq === lastSeq);
  // The first of them is the one that got that far.
  const fruitless = lastSeq === 0 ? stuck : stuck.slice(1);
  return fruitless.filter((attempt) => hits.some((hit) => isFelt(hit, id, attempt))).length >= fruitlessAttempts;
}

function isFelt({ atMs, fault, streamId }: Hit, id: string, { invokedAt, endedAt, reason }: Attempt): boolean {
  if (streamId !== null && streamId !== id) return false;
  if (fault === "refuse-invocation") return /Lambda answered (429|500)/.test(reason ?? "");
  const beforeMs = streamId === null && fault !== "restart-worker" ? armedMs : feltMs;
  return atMs >= invokedAt - beforeMs && atMs <= (endedAt ?? Number.POSITIVE_INFINITY);
}

function judgeReader(witness: Witness, { outcome, errorCode, lastSeq }: Status): readonly string[] {
  const who = `the ${witness.kind} reader of ${witness.streamId}`;
  if (witness.seen > lastSeq) return [`${who} saw ${witness.seen}, and ${lastSeq} is stored`];
  if (witness.end === null) return witness.violations.length > 0 ? [] : [`${who} was never told the end: it is behind ${witness.seen} of ${lastSeq}`];
  if (witness.seen !== lastSeq) return [`${who} was told ${witness.end} behind ${witness.seen} of ${lastSeq}`];
  if (witness.told !== null && witness.told.errorCode !== errorCode) return [`${who} was told the error ${witness.told.errorCode}, and it is ${errorCode}`];
  const truthful = witness.end === outcome || (witness.end === "ended" && (outcome === "completed" || outcome === "cancelled"));
  return truthful ? [] : [`${who} was told ${witness.end}, and the outcome is ${outcome}`];
}
