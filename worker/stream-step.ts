/** Owns what a stream may do next: the transition table and the pure, total `step` over it. */

import {
  afterLoneYield,
  afterRefusedInvoke,
  askYield,
  awaitSuccessor,
  backOff,
  beginHandover,
  breakDown,
  cancelRunning,
  detach,
  expire,
  fence,
  finish,
  invoke,
  leaseOver,
  loseStandby,
  nextAttempt,
  promote,
  recover,
  redialUnderStandby,
  release,
  replaceStandby,
  retryHandover,
  welcomeActive,
  welcomeStandby,
} from "./stream-moves.ts";
import { fenceReason, notDialled, notRedialled, notYielded, silent, yieldedAlone } from "./stream-reasons.ts";
import { roleOf, same, startDeadline } from "./stream-state.ts";
import type { Attempts, Circumstances, EventType, Phase, Step, StreamEvent, StreamState } from "./stream-state.ts";

type PhaseState<P extends Phase> = Extract<StreamState, { phase: P }>;
type EventOf<T extends EventType> = Extract<StreamEvent, { type: T }>;
type Transition<P extends Phase, T extends EventType> = (state: PhaseState<P>, event: EventOf<T>, at: Circumstances) => Step;
type TransitionTable = { readonly [P in Phase]: { readonly [T in EventType]: Transition<P, T> } };

/** The first attempt of a new stream. */
export function begin(at: Circumstances): Step {
  const attempts: Attempts = { issued: 0, seqAtStart: 0, fruitless: 0, lastReason: "" };
  return invoke(attempts, at);
}

/** Total: every event has a result in every phase. */
export function step(state: StreamState, event: StreamEvent, at: Circumstances): Step {
  if (state.phase !== "ended" && event.type === "time" && at.nowMs >= at.createdAt + at.settings.maxDurationMs) {
    return expire(state, at);
  }
  // Each cell is typed for its own phase and event; TypeScript cannot follow the correlated lookup.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the row and column are picked by the very values passed
  const cell = table[state.phase][event.type] as Transition<Phase, EventType>;
  return cell(state, event, at);
}

const ignore = (state: StreamState): Step => ({ state, effects: [] });
const refuse = (state: StreamState): Step => ({ state, effects: [{ do: "refuse", reason: fenceReason(state) }] });
const cancel = cancelRunning;

const table: TransitionTable = {
  pending: {
    dial: (state, event) =>
      event.producer.attempt === state.attempt ? welcomeActive(state.attempts, event.producer) : refuse(state),
    drop: ignore,
    lost: ignore,
    handover: refuse,
    ready: refuse,
    yield: refuse,
    end: refuse,
    break: refuse,
    "invoke-failed": (state, event, at) =>
      event.attempt === state.attempt ? afterRefusedInvoke(state.attempts, event, at) : ignore(state),
    cancel,
    time: (state, event, at) =>
      at.nowMs < startDeadline(state, event.heardAt, at) ? ignore(state) : nextAttempt(state.attempts, notDialled(state.attempt, at), at),
  },
  backoff: {
    dial: refuse,
    drop: ignore,
    lost: ignore,
    handover: refuse,
    ready: refuse,
    yield: refuse,
    end: refuse,
    break: refuse,
    "invoke-failed": ignore,
    cancel,
    time: (state, _event, at) => (at.nowMs < state.invokeAt ? ignore(state) : invoke(state.attempts, at)),
  },
  live: {
    dial: (state, event) => (same(state.active, event.producer) ? welcomeActive(state.attempts, state.active) : refuse(state)),
    drop: (state, event, at) => (same(state.active, event.producer) ? detach(state, at, event.reason) : ignore(state)),
    lost: (state, event, at) => (same(state.active, event.producer) ? backOff(state.attempts, event.reason, at) : ignore(state)),
    handover: (state, event, at) => (same(state.active, event.producer) ? beginHandover(state, 1, at) : refuse(state)),
    ready: (state, event) => (same(state.active, event.producer) ? ignore(state) : refuse(state)),
    yield: (state, event, at) =>
      same(state.active, event.producer) ? afterLoneYield(state.attempts, event.producer, at) : refuse(state),
    end: (state, event, at) => (same(state.active, event.producer) ? finish(state, event, at) : refuse(state)),
    break: (state, event, at) => (same(state.active, event.producer) ? breakDown(state, event, at) : refuse(state)),
    "invoke-failed": ignore,
    cancel,
    time: (state, event, at) =>
      leaseOver(state.active, event.heardAt, at) ? recover(state.attempts, state.active, silent(state.active, at), at) : ignore(state),
  },
  detached: {
    dial: (state, event) => (same(state.active, event.producer) ? welcomeActive(state.attempts, state.active) : refuse(state)),
    drop: ignore,
    lost: ignore,
    handover: refuse,
    ready: refuse,
    yield: refuse,
    end: refuse,
    break: refuse,
    "invoke-failed": ignore,
    cancel,
    time: (state, _event, at) =>
      at.nowMs < state.redialBy ? ignore(state) : recover(state.attempts, state.active, notRedialled(state, at), at),
  },
  handing: {
    dial: (state, event) => {
      if (same(state.active, event.producer)) return { state, effects: [{ do: "welcome", role: "active" }] };
      return event.producer.attempt === state.successor ? welcomeStandby(state, event.producer) : refuse(state);
    },
    drop: (state, event, at) => (same(state.active, event.producer) ? awaitSuccessor(state, event.reason, at) : ignore(state)),
    lost: (state, event, at) => (same(state.active, event.producer) ? awaitSuccessor(state, event.reason, at) : ignore(state)),
    handover: (state, event) => (same(state.active, event.producer) ? ignore(state) : refuse(state)),
    ready: (state, event) => (same(state.active, event.producer) ? ignore(state) : refuse(state)),
    yield: (state, event, at) => {
      if (!same(state.active, event.producer)) return refuse(state);
      const waiting = awaitSuccessor(state, yieldedAlone(state.active), at);
      return { state: waiting.state, effects: [release(state.active, "yielded"), ...waiting.effects] };
    },
    end: (state, event, at) => (same(state.active, event.producer) ? finish(state, event, at) : refuse(state)),
    break: (state, event, at) => (same(state.active, event.producer) ? breakDown(state, event, at) : refuse(state)),
    "invoke-failed": (state, event, at) =>
      event.attempt === state.successor
        ? { state: { ...state, startBy: at.nowMs + at.settings.invokeRetryMs }, effects: [] }
        : ignore(state),
    cancel,
    time: (state, event, at) => {
      if (leaseOver(state.active, event.heardAt, at)) {
        const waiting = awaitSuccessor(state, silent(state.active, at), at);
        return { state: waiting.state, effects: [fence(state.active), ...waiting.effects] };
      }
      return at.nowMs < state.startBy ? ignore(state) : retryHandover(state, at);
    },
  },
  standby: {
    dial: (state, event, at) => {
      if (same(state.active, event.producer)) return redialUnderStandby(state, at);
      return same(state.standby, event.producer) ? { state, effects: [{ do: "welcome", role: "standby" }] } : refuse(state);
    },
    drop: (state, event, at) => {
      if (same(state.active, event.producer)) return promote(state, "fence", event.reason, at);
      return same(state.standby, event.producer) ? loseStandby(state, at) : ignore(state);
    },
    lost: (state, event, at) => (same(state.active, event.producer) ? promote(state, "fence", event.reason, at) : ignore(state)),
    handover: (state, event) => (roleOf(state, event.producer) === "fenced" ? refuse(state) : ignore(state)),
    ready: (state, event, at) => {
      if (!same(state.standby, event.producer)) return same(state.active, event.producer) ? ignore(state) : refuse(state);
      return state.yieldBy === null ? askYield(state, at) : ignore(state);
    },
    yield: (state, event, at) =>
      same(state.active, event.producer) ? promote(state, "release", "handover", at) : refuse(state),
    end: (state, event, at) => (same(state.active, event.producer) ? finish(state, event, at) : refuse(state)),
    break: (state, event, at) => (same(state.active, event.producer) ? breakDown(state, event, at) : refuse(state)),
    "invoke-failed": ignore,
    cancel,
    time: (state, event, at) => {
      if (leaseOver(state.active, event.heardAt, at)) return promote(state, "fence", silent(state.active, at), at);
      if (state.yieldBy !== null && at.nowMs >= state.yieldBy) return promote(state, "fence", notYielded(state, at), at);
      return leaseOver(state.standby, event.heardAt, at) ? replaceStandby(state, at) : ignore(state);
    },
  },
  ended: {
    dial: refuse,
    drop: ignore,
    lost: ignore,
    handover: refuse,
    ready: refuse,
    yield: refuse,
    end: refuse,
    break: refuse,
    "invoke-failed": ignore,
    cancel: ignore,
    time: (state, _event, at) =>
      at.nowMs < state.endedAt + at.settings.retentionMs ? ignore(state) : { state, effects: [{ do: "delete" }] },
  },
};
