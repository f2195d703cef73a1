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

/** A request for a stream that did not get one, or not by this try. */
export interface Refusal {
  readonly path: string;
  readonly atMs: number;
  readonly failedAtMs: number;
  /** `lost`: no answer, or one that says to come back; `wrong`: one that no request for a stream may get. */
  readonly kind: "lost" | "wrong";
  readonly what: string;
}

/** After a restart everything comes back at once. */
const restartFeltMs = 3_000;
const fruitlessAttempts = 3;

export function judge(run: StreamRun, hits: readonly Hit[]): readonly string[] {
  const { id, plan, status, witnesses, cancelledAtMs } = run;
  const seen = witnesses.flatMap(({ violations }) => violations);
  if (status === null) return [...seen, `${id} has no outcome`];
  const short = status.outcome === "completed" && status.lastSeq !== plan.content.total ? [`${id} completed with ${status.lastSeq} of ${plan.content.total}`] : [];
  const outcome = judgeOutcome(id, status, { cancel: cancelledAtMs === null ? "unasked" : "asked", hits });
  return [...seen, ...short, ...outcome, ...witnesses.flatMap((witness) => judgeReader(witness, status))];
}

/** Of a stream whose creator was never answered: nobody read or cancelled it, or knows what it was to be. */
export function judgeUnanswered(id: string, status: Status | null, hits: readonly Hit[]): readonly string[] {
  // Without one it has not ended, and that is told with what is left.
  return status === null ? [] : judgeOutcome(id, status, { cancel: "unasked", hits });
}

/** A request is lost where it meets a restart, and nowhere else. */
export function judgeRefusal({ path, atMs, failedAtMs, kind, what }: Refusal, hits: readonly Hit[]): readonly string[] {
  const met = hits.some((hit) => hit.fault === "restart-worker" && hit.atMs <= failedAtMs && hit.doneAtMs + restartFeltMs >= atMs);
  return kind === "lost" && met ? [] : [`a request for ${path} got no stream, and no fault explains it: ${what}`];
}

interface Done {
  readonly cancel: "asked" | "unasked";
  readonly hits: readonly Hit[];
}

function judgeOutcome(id: string, { outcome, errorCode, lastSeq, attempts }: Status, { cancel, hits }: Done): readonly string[] {
  switch (outcome) {
    case "completed":
      return [];
    case "cancelled":
      return cancel === "unasked" ? [`${id} was cancelled, and nobody asked for it`] : [];
    case "failed":
      if (errorCode !== "attempts-exhausted") return [`${id} failed with ${errorCode}`];
      return wereHit(id, lastSeq, attempts, hits) ? [] : [`${id} was given up after three attempts that no three faults explain`];
    case "expired":
    case null:
      return [`${id} ended as ${outcome}`];
  }
}

/** Three attempts without progress, each of which met a fault that can hurt it. */
function wereHit(id: string, lastSeq: number, attempts: readonly Attempt[], hits: readonly Hit[]): boolean {
  // A successor that was replaced is no attempt without progress.
  const stuck = attempts.filter((attempt) => attempt.lastSeq === lastSeq && attempt.end !== "unused");
  // The first of them is the one that got that far.
  const fruitless = lastSeq === 0 ? stuck : stuck.slice(1);
  return fruitless.filter((attempt) => hits.some((hit) => isFelt(hit, id, attempt))).length >= fruitlessAttempts;
}

function isFelt(hit: Hit, id: string, attempt: Attempt): boolean {
  const { atMs, doneAtMs, fault, streamId } = hit;
  if ((streamId !== null && streamId !== id) || !canHurt(hit, attempt)) return false;
  if (hit.attempt !== null) return hit.attempt === attempt.attempt;
  const untilMs = doneAtMs + (fault === "restart-worker" ? restartFeltMs : 0);
  return untilMs >= attempt.invokedAt && atMs <= (attempt.endedAt ?? Number.POSITIVE_INFINITY);
}

const hurtful = new Set([
  "kill-lambda",
  "freeze-lambda",
  "drop-producer",
  "blackhole-producer",
  "delay-invocation",
  "refuse-invocation",
  "abort-stream",
  "restart-worker",
]);

function canHurt({ atMs, fault, parameters }: Hit, { dialledAt }: Attempt): boolean {
  if (fault !== "evict-stream") return hurtful.has(fault);
  // Its producer's socket stays, where there is one; the call that invokes goes with the object.
  return parameters["sockets"] === "close" || dialledAt === null || atMs <= dialledAt;
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
