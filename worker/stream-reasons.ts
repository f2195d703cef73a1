/** Owns the sentences that tell an operator why an attempt ended and what to look at. */

import type { Circumstances, Producer, StreamState } from "./stream-state.ts";

export function notDialled(attempt: number, at: Circumstances): string {
  return (
    `attempt ${attempt} was invoked and did not dial in within ${at.settings.attemptStartMs} ms: look in the function's log for an error ` +
    "at start, a gateway URL it cannot reach, or a refused ticket; a slow cold start needs a larger attemptStartMs"
  );
}

export function notRedialled(state: { readonly active: Producer }, at: Circumstances): string {
  return `attempt ${state.active.attempt} lost its socket and did not dial again within ${at.settings.redialMs} ms: it crashed or reached its time limit`;
}

export function silent(producer: Producer, at: Circumstances): string {
  return `attempt ${producer.attempt} was silent for its lease of ${at.settings.leaseMs} ms: its process is frozen or its connection half-open`;
}

export function notYielded(state: { readonly active: Producer }, at: Circumstances): string {
  return `attempt ${state.active.attempt} did not yield within ${at.settings.yieldMs} ms of being asked`;
}

export function yieldedAlone(producer: Producer): string {
  return `attempt ${producer.attempt} reached its time limit before a successor was there`;
}

export function exhausted(attempts: number, lastReason: string, { source, tailSeq }: Circumstances): string {
  const what = `Cannot go on with the stream: ${attempts} attempts in a row brought no new event; the last: ${lastReason}`;
  if (tailSeq === 0 || source === "upstream") return what;
  return (
    `${what}. If the handler needs longer than one attempt to get past what is already stored, let it store checkpoints, ` +
    'use resume: "continue", or raise the function\'s time limit'
  );
}

/** Why a socket may write nothing. */
export function fenceReason(state: StreamState): string {
  switch (state.phase) {
    case "ended":
      return `the stream has ended: ${state.outcome}`;
    case "pending":
      return `attempt ${state.attempt} is awaited`;
    case "backoff":
      return `the next attempt has not been invoked yet`;
    case "live":
    case "detached":
    case "handing":
      return `attempt ${state.active.attempt} has its producer`;
    case "standby":
      return `attempts ${state.active.attempt} and ${state.standby.attempt} have their producers`;
  }
}
