/** Owns what a stream says of itself. */

import type { Outcome, StreamFailure } from "../protocol/sse.ts";
import type { Mode, ResponseHead } from "../protocol/producer-messages.ts";
import type { AttemptRecord } from "./attempts.ts";
import type { Tail } from "./log.ts";
import type { Cost } from "./meter.ts";
import type { StreamDescription } from "./store.ts";
import type { StreamState } from "./stream-state.ts";

/** What `GET /streams/{id}/status` answers: the authority on the outcome. */
export interface StreamStatus {
  readonly id: string;
  readonly phase: StreamState["phase"];
  readonly attempt: number;
  /** Of the handler's answer; null until it is there. */
  readonly mode: Mode | null;
  readonly status: number | null;
  readonly contentType: string | null;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: number;
  readonly outcome: Outcome | null;
  readonly error: StreamFailure | null;
  readonly consumers: number;
  /** The latest hundred. */
  readonly attempts: readonly AttemptRecord[];
  readonly createdAt: string;
  readonly endedAt: string | null;
  /** As of the last commit or change of state, and what came since if the object did not sleep. */
  readonly cost: Cost;
}

export interface StatusParts {
  readonly description: StreamDescription;
  readonly state: StreamState;
  readonly head: ResponseHead | null;
  readonly tail: Tail;
  readonly attempts: readonly AttemptRecord[];
  readonly consumers: number;
  readonly cost: Cost;
}

export function toStatus({ description, state, head, tail, attempts, consumers, cost }: StatusParts): StreamStatus {
  const { id, createdAt } = description;
  const { seq, offset } = tail;
  const ended = state.phase === "ended" ? state : null;
  return {
    id,
    phase: state.phase,
    attempt: currentAttempt(state),
    mode: head?.mode ?? null,
    status: head?.status ?? null,
    contentType: head?.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? null,
    firstSeq: Math.min(seq, 1),
    lastSeq: seq,
    bytes: offset,
    outcome: ended?.outcome ?? null,
    error: ended?.error ?? null,
    consumers,
    attempts,
    createdAt: new Date(createdAt).toISOString(),
    endedAt: ended === null ? null : new Date(ended.endedAt).toISOString(),
    cost,
  };
}

function currentAttempt(state: StreamState): number {
  switch (state.phase) {
    case "pending":
    case "ended":
      return state.attempt;
    case "backoff":
      return state.attempts.issued;
    case "live":
    case "detached":
    case "handing":
    case "standby":
      return state.active.attempt;
  }
}
