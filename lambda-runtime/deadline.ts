/** Owns when, within one invocation's time limit, a successor is asked for and when the attempt must stop. */

export interface Deadlines {
  /** Milliseconds from now until the successor is asked for. */
  readonly handoverInMs: number;
  /** Milliseconds from now until this attempt stops even without one. */
  readonly stopInMs: number;
}

const handoverBeforeMs = 60_000;
const handoverShare = 0.25;
const stopBeforeMs = 3_000;
const stopShare = 0.1;

/** A minute before the limit, and never more than a quarter of a shorter one. */
export function planDeadlines(remainingMs: number): Deadlines {
  return {
    handoverInMs: Math.max(0, remainingMs - Math.min(handoverBeforeMs, remainingMs * handoverShare)),
    stopInMs: Math.max(0, remainingMs - Math.min(stopBeforeMs, remainingMs * stopShare)),
  };
}
