/** Owns the words of the state machine: states, events, effects, and what may be read off a state. */

import type { StreamFailure, Outcome } from "../protocol/sse.ts";
import type { StreamSettings } from "./settings.ts";

/** Accounting that every phase before the end carries. */
export interface Attempts {
  /** The highest attempt number ever given out. Never falls; only the attempts a phase names are welcome. */
  readonly issued: number;
  /** Durable seq when the current attempt became the one to make progress. */
  readonly seqAtStart: number;
  /** Attempts in a row, up to the one before the current, that ended without a new durable event. */
  readonly fruitless: number;
  /** Why the attempt before ended; part of the message when the stream fails. */
  readonly lastReason: string;
}

/** One run of one invocation: `run` tells a duplicate delivery of the same attempt from a reconnect. */
export interface Producer {
  readonly attempt: number;
  readonly run: string;
}

type Running<Name extends string, Data> = { readonly phase: Name; readonly attempts: Attempts } & Data;

export type StreamState =
  /** `attempt` was invoked and has not dialled in. */
  | Running<"pending", { readonly attempt: number; readonly startBy: number }>
  /** The last invoke was refused for now; the next attempt is made at `invokeAt`. */
  | Running<"backoff", { readonly invokeAt: number }>
  | Running<"live", { readonly active: Producer }>
  /** The active producer's socket is gone; the same run may dial again until `redialBy`. */
  | Running<"detached", { readonly active: Producer; readonly redialBy: number }>
  /** Handover begun: `successor` was invoked (the `tries`-th one) and has not dialled in. */
  | Running<"handing", { readonly active: Producer; readonly successor: number; readonly startBy: number; readonly tries: number }>
  /** The successor waits; once it is ready the active one is asked to yield until `yieldBy`. */
  | Running<"standby", { readonly active: Producer; readonly standby: Producer; readonly yieldBy: number | null; readonly tries: number }>
  | { readonly phase: "ended"; readonly attempt: number; readonly outcome: Outcome; readonly error: StreamFailure | null; readonly endedAt: number };

export type Phase = StreamState["phase"];

export type StreamEvent =
  | { readonly type: "dial"; readonly producer: Producer }
  | { readonly type: "drop"; readonly producer: Producer; readonly reason: string }
  /** What it began cannot be gone on with; another attempt can, after a pause. */
  | { readonly type: "lost"; readonly producer: Producer; readonly reason: string }
  | { readonly type: "handover"; readonly producer: Producer }
  | { readonly type: "ready"; readonly producer: Producer }
  | { readonly type: "yield"; readonly producer: Producer }
  | { readonly type: "end"; readonly producer: Producer; readonly outcome: "completed" | "failed"; readonly error: StreamFailure | null }
  /** The stream cannot go on with what this producer sent (an event over the limit). */
  | { readonly type: "break"; readonly producer: Producer; readonly error: StreamFailure }
  | { readonly type: "invoke-failed"; readonly attempt: number; readonly reason: string; readonly retry: boolean }
  /** `attempt` null means whichever is current. */
  | { readonly type: "cancel"; readonly attempt: number | null; readonly reason: string }
  /** The alarm: `heardAt` gives when each connected producer was last heard of. */
  | { readonly type: "time"; readonly heardAt: HeardAt };

export type EventType = StreamEvent["type"];

/** Milliseconds since the epoch by attempt; an attempt that is absent has no socket. */
export type HeardAt = ReadonlyMap<number, number>;

/** What the shell must do, in order, after it stored the new state. */
export type Effect =
  | { readonly do: "invoke"; readonly attempt: number }
  /** To the socket that dialled; any older socket of the same run is superseded. */
  | { readonly do: "welcome"; readonly role: "active" | "standby" }
  /** To the socket the event came from: it may write nothing. */
  | { readonly do: "refuse"; readonly reason: string }
  /** To every socket of an attempt. */
  | { readonly do: "fence"; readonly attempt: number; readonly reason: string }
  | { readonly do: "release"; readonly attempt: number; readonly reason: string }
  | { readonly do: "ask-yield"; readonly attempt: number; readonly withinMs: number }
  | { readonly do: "promote"; readonly attempt: number }
  | { readonly do: "cancel"; readonly attempt: number; readonly reason: string }
  /** Consumers are told the outcome. */
  | { readonly do: "finish" }
  /** Retention is over. */
  | { readonly do: "delete" };

/** Everything a transition may look at besides state and event. */
export interface Circumstances {
  readonly nowMs: number;
  readonly settings: StreamSettings;
  /** Durable seq. The shell commits what is pending before it steps. */
  readonly tailSeq: number;
  readonly createdAt: number;
  /** What its attempts are: invocations, which dial in, or requests the object makes itself. */
  readonly source: "function" | "upstream";
}

export interface Step {
  readonly state: StreamState;
  readonly effects: readonly Effect[];
}

/** When the alarm must ring next. Every phase has an answer, so nothing waits for ever. */
export function nextAlarmAt(state: StreamState, heardAt: HeardAt, at: Circumstances): number {
  const expiresAt = at.createdAt + at.settings.maxDurationMs;
  const leaseEnd = (producer: Producer): number => (heardAt.get(producer.attempt) ?? at.nowMs) + at.settings.leaseMs;
  switch (state.phase) {
    case "pending":
      return Math.min(startDeadline(state, heardAt, at), expiresAt);
    case "backoff":
      return Math.min(state.invokeAt, expiresAt);
    case "live":
      return Math.min(leaseEnd(state.active), expiresAt);
    case "detached":
      return Math.min(state.redialBy, expiresAt);
    case "handing":
      return Math.min(state.startBy, leaseEnd(state.active), expiresAt);
    case "standby":
      return Math.min(state.yieldBy ?? expiresAt, leaseEnd(state.active), leaseEnd(state.standby), expiresAt);
    case "ended":
      return state.endedAt + at.settings.retentionMs;
  }
}

/** When an attempt that was made is given up: the object's own request bounds its silence itself, for as long as it is there. */
export function startDeadline(state: Extract<StreamState, { phase: "pending" }>, heardAt: HeardAt, { source, settings }: Circumstances): number {
  const heard = source === "upstream" ? heardAt.get(state.attempt) : undefined;
  return heard === undefined ? state.startBy : Math.max(state.startBy, heard + settings.leaseMs);
}

/** What a socket of this producer may do now. */
export function roleOf(state: StreamState, producer: Producer): "active" | "standby" | "fenced" {
  if (state.phase === "standby" && same(state.standby, producer)) return "standby";
  const active = activeOf(state);
  return active !== null && same(active, producer) ? "active" : "fenced";
}

export function activeOf(state: StreamState): Producer | null {
  return "active" in state ? state.active : null;
}

export function same(a: Producer, b: Producer): boolean {
  return a.attempt === b.attempt && a.run === b.run;
}
