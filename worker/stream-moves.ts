/** Owns the moves the transition table is made of: each takes a state and gives the next one with its effects. */

import { limits } from "../protocol/limits.ts";
import type { Outcome, StreamFailure } from "../protocol/sse.ts";
import { exhausted, yieldedAlone } from "./stream-reasons.ts";
import { activeOf } from "./stream-state.ts";
import type { Attempts, Circumstances, Effect, HeardAt, Producer, Step, StreamEvent, StreamState } from "./stream-state.ts";

/** Each refusal in a row makes the wait that many times longer. */
const invokeBackoff = 5;

type Running = Exclude<StreamState, { phase: "ended" }>;
type In<Phase extends StreamState["phase"]> = Extract<StreamState, { phase: Phase }>;
type EventOf<Type extends StreamEvent["type"]> = Extract<StreamEvent, { type: Type }>;

/** A new attempt; its number is one that was never given out. */
export function invoke(attempts: Attempts, at: Circumstances): Step {
  const attempt = attempts.issued + 1;
  return {
    state: { phase: "pending", attempt, startBy: at.nowMs + at.settings.attemptStartMs, attempts: { ...attempts, issued: attempt } },
    effects: [{ do: "invoke", attempt }],
  };
}

/** An attempt is over without the stream having ended: the next one, or the end of patience. */
export function nextAttempt(attempts: Attempts, reason: string, at: Circumstances): Step {
  return account(attempts, reason, at, (counted) => invoke(counted, at));
}

/** The active producer is given up and fenced before the next attempt is made. */
export function recover(attempts: Attempts, active: Producer, reason: string, at: Circumstances): Step {
  return prepend([fence(active)], nextAttempt(attempts, reason, at));
}

export function afterRefusedInvoke(attempts: Attempts, event: EventOf<"invoke-failed">, at: Circumstances): Step {
  if (!event.retry) return end(event.attempt, "failed", { code: "invoke-failed", message: event.reason }, [], at);
  return backOff(attempts, event.reason, at);
}

/** The attempt is over, and the next one is made after a pause. */
export function backOff(attempts: Attempts, reason: string, at: Circumstances): Step {
  return account(attempts, reason, at, (counted) => ({
    state: { phase: "backoff", invokeAt: at.nowMs + at.settings.invokeRetryMs * invokeBackoff ** Math.max(0, counted.fruitless - 1), attempts: counted },
    effects: [],
  }));
}

/** The active producer had to stop and no successor was on its way. */
export function afterLoneYield(attempts: Attempts, active: Producer, at: Circumstances): Step {
  return prepend([release(active, "yielded")], nextAttempt(attempts, yieldedAlone(active), at));
}

export function welcomeActive(attempts: Attempts, active: Producer): Step {
  return { state: { phase: "live", attempts, active }, effects: [{ do: "welcome", role: "active" }] };
}

export function detach(state: In<"live">, at: Circumstances, reason: string): Step {
  const attempts = { ...state.attempts, lastReason: reason };
  return { state: { phase: "detached", attempts, active: state.active, redialBy: at.nowMs + at.settings.redialMs }, effects: [] };
}

export function beginHandover(state: Running & { active: Producer }, tries: number, at: Circumstances): Step {
  const successor = state.attempts.issued + 1;
  return {
    state: {
      phase: "handing",
      attempts: { ...state.attempts, issued: successor },
      active: state.active,
      successor,
      startBy: at.nowMs + at.settings.attemptStartMs,
      tries,
    },
    effects: [{ do: "invoke", attempt: successor }],
  };
}

/** A successor that does not come is replaced a few times; then the active one goes on to its limit alone. */
export function retryHandover(state: In<"handing"> | In<"standby">, at: Circumstances): Step {
  if (state.tries < limits.maxFruitlessAttempts) return beginHandover(state, state.tries + 1, at);
  return { state: { phase: "live", attempts: state.attempts, active: state.active }, effects: [] };
}

export function welcomeStandby(state: In<"handing">, standby: Producer): Step {
  const { attempts, active, tries } = state;
  return { state: { phase: "standby", attempts, active, standby, yieldBy: null, tries }, effects: [{ do: "welcome", role: "standby" }] };
}

/** The active producer is gone in mid-handover: its successor, already invoked, becomes the attempt that is awaited. */
export function awaitSuccessor(state: In<"handing">, reason: string, at: Circumstances): Step {
  return account(state.attempts, reason, at, (attempts) => ({
    state: { phase: "pending", attempts, attempt: state.successor, startBy: state.startBy },
    effects: [],
  }));
}

export function askYield(state: In<"standby">, at: Circumstances): Step {
  const withinMs = at.settings.yieldMs;
  return {
    state: { ...state, yieldBy: at.nowMs + withinMs },
    effects: [{ do: "ask-yield", attempt: state.active.attempt, withinMs }],
  };
}

/** The active run dialled again under a standby: what it was asked may have been lost with its socket. */
export function redialUnderStandby(state: In<"standby">, at: Circumstances): Step {
  const effects: Effect[] = [{ do: "welcome", role: "active" }];
  if (state.yieldBy !== null) {
    effects.push({ do: "ask-yield", attempt: state.active.attempt, withinMs: Math.max(0, state.yieldBy - at.nowMs) });
  }
  return { state, effects };
}

/** The standby becomes the active producer; the one before is let go or fenced in the same turn. */
export function promote(state: In<"standby">, past: "release" | "fence", reason: string, at: Circumstances): Step {
  const before: Effect = past === "release" ? release(state.active, "yielded") : fence(state.active);
  const promoted = account(state.attempts, reason, at, (attempts) => ({
    state: { phase: "live", attempts, active: state.standby },
    effects: [{ do: "promote", attempt: state.standby.attempt }],
  }));
  const after: Effect[] = promoted.state.phase === "ended" ? [fence(state.standby)] : [];
  return { state: promoted.state, effects: [before, ...promoted.effects, ...after] };
}

/** The standby's socket is gone: its run may dial again for a while, then another successor is invoked. */
export function loseStandby(state: In<"standby">, at: Circumstances): Step {
  const { attempts, active, standby, tries } = state;
  const startBy = at.nowMs + at.settings.redialMs;
  return { state: { phase: "handing", attempts, active, successor: standby.attempt, startBy, tries }, effects: [] };
}

/** The standby is silent with its socket open: it is fenced, and another successor invoked. */
export function replaceStandby(state: In<"standby">, at: Circumstances): Step {
  return prepend([fence(state.standby)], retryHandover(state, at));
}

export function finish(state: Running & { active: Producer }, event: EventOf<"end">, at: Circumstances): Step {
  const others: Effect[] = state.phase === "standby" ? [release(state.standby, "the stream has ended")] : [];
  return end(event.producer.attempt, event.outcome, event.error, [release(event.producer, "done"), ...others], at);
}

export function breakDown(state: Running & { active: Producer }, event: EventOf<"break">, at: Circumstances): Step {
  const others: Effect[] = state.phase === "standby" ? [fence(state.standby)] : [];
  return end(event.producer.attempt, "failed", event.error, others, at);
}

/** A cancel that names an attempt means the stream only while that attempt is the current one. */
export function cancelRunning(state: Running, event: EventOf<"cancel">, at: Circumstances): Step {
  const current = activeOf(state)?.attempt ?? state.attempts.issued;
  if (event.attempt !== null && event.attempt !== current) return { state, effects: [] };
  const told = producersOf(state).map((producer): Effect => ({ do: "cancel", attempt: producer.attempt, reason: event.reason }));
  return end(current, "cancelled", { code: "cancelled", message: event.reason }, told, at);
}

export function expire(state: Running, at: Circumstances): Step {
  const attempt = activeOf(state)?.attempt ?? state.attempts.issued;
  const message = `Cannot go on with the stream: it reached its maxDurationMs of ${at.settings.maxDurationMs}`;
  const told = producersOf(state).map((producer): Effect => ({ do: "cancel", attempt: producer.attempt, reason: message }));
  return end(attempt, "expired", { code: "expired", message }, told, at);
}

export function leaseOver(producer: Producer, heardAt: HeardAt, at: Circumstances): boolean {
  return at.nowMs >= (heardAt.get(producer.attempt) ?? 0) + at.settings.leaseMs;
}

export function fence(producer: Producer): Effect {
  return { do: "fence", attempt: producer.attempt, reason: `attempt ${producer.attempt} was replaced` };
}

export function release(producer: Producer, reason: string): Effect {
  return { do: "release", attempt: producer.attempt, reason };
}

/**
 * Counts the attempt that is over: fruitless unless the log grew since it took over. A handover counts as well, since
 * a replay that never gets past the durable seq would otherwise hand over for ever.
 */
function account(attempts: Attempts, reason: string, at: Circumstances, go: (counted: Attempts) => Step): Step {
  const fruitless = at.tailSeq > attempts.seqAtStart ? 0 : attempts.fruitless + 1;
  const counted = { ...attempts, fruitless, seqAtStart: at.tailSeq, lastReason: reason };
  if (fruitless < limits.maxFruitlessAttempts) return go(counted);
  return end(attempts.issued, "failed", { code: "attempts-exhausted", message: exhausted(fruitless, reason, at) }, [], at);
}

function end(attempt: number, outcome: Outcome, error: StreamFailure | null, before: readonly Effect[], at: Circumstances): Step {
  return { state: { phase: "ended", attempt, outcome, error, endedAt: at.nowMs }, effects: [...before, { do: "finish" }] };
}

function producersOf(state: Running): readonly Producer[] {
  const active = activeOf(state);
  return [...(active === null ? [] : [active]), ...(state.phase === "standby" ? [state.standby] : [])];
}

function prepend(effects: readonly Effect[], next: Step): Step {
  return { state: next.state, effects: [...effects, ...next.effects] };
}
