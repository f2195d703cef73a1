/** Owns asking the gateway what became of a stream, with every field checked. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Outcome } from "./witness.ts";

export interface Attempt {
  readonly attempt: number;
  readonly invokedAt: number;
  readonly dialledAt: number | null;
  readonly endedAt: number | null;
  readonly lastSeq: number | null;
  readonly end: string | null;
  readonly reason: string | null;
}

export interface Status {
  readonly phase: string;
  readonly lastSeq: number;
  readonly outcome: Outcome | null;
  readonly errorCode: string | null;
  readonly consumers: number;
  /** Null until it has one. */
  readonly endedAtMs: number | null;
  /** Calls, upgrades and alarms, counted up to now. */
  readonly requests: number;
  readonly attempts: readonly Attempt[];
}

const answerLimitMs = 10_000;
const outcomes = ["completed", "cancelled", "failed", "expired"] as const;

export function isOutcome(value: unknown): value is Outcome {
  return outcomes.some((outcome) => outcome === value);
}

/** Null when the gateway cannot be reached now. @throws Error for an answer that is no status. */
export async function statusOf(gateway: URL, streamId: string): Promise<Status | null> {
  const signal = AbortSignal.timeout(answerLimitMs);
  const response = await fetch(new URL(`/streams/${streamId}/status`, gateway), { signal }).catch(() => null);
  if (response === null) return null;
  const text = await response.text().catch(() => null);
  if (text === null || response.status === 503) return null;
  if (!response.ok) throw new Error(`The status of ${streamId} was answered with ${response.status}: ${text}`);
  const { phase, lastSeq, outcome, error, consumers, attempts, endedAt, cost } = objectOf(JSON.parse(text));
  const { requests } = objectOf(cost);
  const isStatus = typeof phase === "string" && typeof lastSeq === "number" && typeof consumers === "number" && typeof requests === "number";
  if (!isStatus || !Array.isArray(attempts)) {
    throw new Error(`The status of ${streamId} is no status: ${text}`);
  }
  const { code } = objectOf(error);
  return {
    phase,
    lastSeq,
    consumers,
    requests,
    endedAtMs: typeof endedAt === "string" ? Date.parse(endedAt) : null,
    outcome: isOutcome(outcome) ? outcome : null,
    errorCode: typeof code === "string" ? code : null,
    attempts: attempts.map(readAttempt),
  };
}

/** Null when it is not there in time. */
export async function endOf(gateway: URL, streamId: string, stop: AbortSignal): Promise<Status | null> {
  for (;;) {
    const status = await statusOf(gateway, streamId);
    if (status !== null && status.outcome !== null) return status;
    if (stop.aborted) return null;
    await sleep(500, undefined, { signal: stop }).catch(() => undefined);
  }
}

function readAttempt(value: unknown): Attempt {
  const { attempt, invokedAt, dialledAt, endedAt, lastSeq, end, reason } = objectOf(value);
  return {
    attempt: Number(attempt),
    invokedAt: Number(invokedAt),
    dialledAt: numberOf(dialledAt),
    endedAt: numberOf(endedAt),
    lastSeq: numberOf(lastSeq),
    end: typeof end === "string" ? end : null,
    reason: typeof reason === "string" ? reason : null,
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Empty for anything that is none. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
