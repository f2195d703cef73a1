/** Owns what a stream says of itself. */

import type { Outcome, StreamFailure } from "../protocol/sse.ts";
import type { Tail } from "./log.ts";
import type { StreamDescription } from "./store.ts";
import type { StreamState } from "./stream-state.ts";

/** What `GET /streams/{id}/status` answers: the authority on the outcome. */
export interface StreamStatus {
  readonly id: string;
  readonly phase: StreamState["phase"];
  readonly attempt: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: number;
  readonly outcome: Outcome | null;
  readonly error: StreamFailure | null;
  readonly consumers: number;
  readonly createdAt: string;
  readonly endedAt: string | null;
  /** Since the object woke. */
  readonly cost: { readonly commits: number; readonly rowsWritten: number; readonly messagesIn: number };
}

export function toStatus(
  { id, createdAt }: StreamDescription,
  state: StreamState,
  { seq, offset }: Tail,
  consumers: number,
  cost: StreamStatus["cost"],
): StreamStatus {
  const ended = state.phase === "ended" ? state : null;
  return {
    id,
    phase: state.phase,
    attempt: currentAttempt(state),
    firstSeq: Math.min(seq, 1),
    lastSeq: seq,
    bytes: offset,
    outcome: ended?.outcome ?? null,
    error: ended?.error ?? null,
    consumers,
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
