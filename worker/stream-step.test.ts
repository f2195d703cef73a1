/** Owns the tests of the state machine: every cell of the transition table, and what holds whatever happens. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StreamSettings } from "./settings.ts";
import { nextAlarmAt, roleOf, same } from "./stream-state.ts";
import type { Attempts, Circumstances, Effect, EventType, HeardAt, Phase, Producer, Step, StreamEvent, StreamState } from "./stream-state.ts";
import { begin, step } from "./stream-step.ts";

const now = 1_000_000;
const second = 1_000;
const settings: StreamSettings = {
  commitIntervalMs: 50,
  leaseMs: 30 * second,
  redialMs: 3 * second,
  attemptStartMs: 15 * second,
  upstreamIdleMs: 120 * second,
  invokeRetryMs: second,
  yieldMs: 5 * second,
  ticketMs: 960 * second,
  uploadIdleMs: 30 * second,
  maxDurationMs: 86_400 * second,
  retentionMs: 86_400 * second,
  maxStreamBytes: 1_000_000,
  maxConsumers: 10,
};
const at = (afterMs = 0, tailSeq = 5): Circumstances => ({ nowMs: now + afterMs, settings, tailSeq, createdAt: now, source: "function" });

const past: Producer = { attempt: 1, run: "a" };
const active: Producer = { attempt: 2, run: "a" };
const rerun: Producer = { attempt: 2, run: "b" };
const next: Producer = { attempt: 3, run: "a" };
const allHeard = (afterMs = 0): HeardAt => new Map([2, 3].map((attempt) => [attempt, now + afterMs]));
const noneHeard: HeardAt = new Map();

/** One state of each phase: attempt 2 is the current one, and attempt 3, where there is one, its successor. */
const attempts: Attempts = { issued: 2, seqAtStart: 5, fruitless: 0, lastReason: "the one before crashed" };
const withSuccessor: Attempts = { ...attempts, issued: 3 };
const states: { readonly [P in Phase]: Extract<StreamState, { phase: P }> } = {
  pending: { phase: "pending", attempts, attempt: 2, startBy: now + 15 * second },
  backoff: { phase: "backoff", attempts, invokeAt: now + second },
  live: { phase: "live", attempts, active },
  detached: { phase: "detached", attempts, active, redialBy: now + 3 * second },
  handing: { phase: "handing", attempts: withSuccessor, active, successor: 3, startBy: now + 15 * second, tries: 1 },
  standby: { phase: "standby", attempts: withSuccessor, active, standby: next, yieldBy: null, tries: 1 },
  ended: { phase: "ended", attempt: 2, outcome: "completed", error: null, endedAt: now },
};
const phases: readonly Phase[] = Object.values(states).map(({ phase }) => phase);

type Sender = "active" | "rerun" | "next" | "past";
const senders: Record<Sender, Producer> = { active, rerun, next, past };
/** What each event is tried with: who sent it, or which attempt it names, or how late it is. */
interface Variants {
  readonly dial: Sender;
  readonly drop: Sender;
  readonly lost: Sender;
  readonly handover: Sender;
  readonly ready: Sender;
  readonly yield: Sender;
  readonly end: Sender;
  readonly break: Sender;
  readonly "invoke-failed": "again" | "never" | "other";
  readonly cancel: "any" | "current" | "other";
  readonly time: "early" | "due" | "silent" | "expired";
}
type Table = { readonly [P in Phase]: { readonly [T in EventType]: { readonly [V in Variants[T]]: string } } };

/**
 * Written as `<next state>: <effects>`; `same` is the very state that was there, so that nothing is stored (P9).
 * `2a` is attempt 2 in its run "a".
 */
const nothing = { active: "same", rerun: "same", next: "same", past: "same" };
const refused = { active: "same: refuse", rerun: "same: refuse", next: "same: refuse", past: "same: refuse" };
const notAwaited = { again: "same", never: "same", other: "same" };
const completed = "ended completed";
const broken = "ended failed event-too-large";
const cancelled = "ended cancelled cancelled";
const expired = "ended expired expired";

const table: Table = {
  pending: {
    dial: { ...refused, active: "live 2a: welcome active", rerun: "live 2b: welcome active" },
    drop: nothing,
    lost: nothing,
    handover: refused,
    ready: refused,
    yield: refused,
    end: refused,
    break: refused,
    "invoke-failed": { again: "backoff", never: "ended failed invoke-failed: finish", other: "same" },
    cancel: { any: `${cancelled}: finish`, current: `${cancelled}: finish`, other: "same" },
    time: { early: "same", due: "pending 3: invoke 3", silent: "same", expired: `${expired}: finish` },
  },
  backoff: {
    dial: refused,
    drop: nothing,
    lost: nothing,
    handover: refused,
    ready: refused,
    yield: refused,
    end: refused,
    break: refused,
    "invoke-failed": notAwaited,
    cancel: { any: `${cancelled}: finish`, current: `${cancelled}: finish`, other: "same" },
    time: { early: "same", due: "pending 3: invoke 3", silent: "same", expired: `${expired}: finish` },
  },
  live: {
    dial: { ...refused, active: "live 2a: welcome active" },
    drop: { ...nothing, active: "detached 2a" },
    lost: { ...nothing, active: "backoff" },
    handover: { ...refused, active: "handing 2a>3 #1: invoke 3" },
    ready: { ...refused, active: "same" },
    yield: { ...refused, active: "pending 3: release 2, invoke 3" },
    end: { ...refused, active: `${completed}: release 2, finish` },
    break: { ...refused, active: `${broken}: finish` },
    "invoke-failed": notAwaited,
    cancel: { any: `${cancelled}: cancel 2, finish`, current: `${cancelled}: cancel 2, finish`, other: "same" },
    time: { early: "same", due: "same", silent: "pending 3: fence 2, invoke 3", expired: `${expired}: cancel 2, finish` },
  },
  detached: {
    dial: { ...refused, active: "live 2a: welcome active" },
    drop: nothing,
    lost: nothing,
    handover: refused,
    ready: refused,
    yield: refused,
    end: refused,
    break: refused,
    "invoke-failed": notAwaited,
    cancel: { any: `${cancelled}: cancel 2, finish`, current: `${cancelled}: cancel 2, finish`, other: "same" },
    time: { early: "same", due: "pending 3: fence 2, invoke 3", silent: "same", expired: `${expired}: cancel 2, finish` },
  },
  handing: {
    dial: { ...refused, active: "same: welcome active", next: "standby 2a+3a: welcome standby" },
    drop: { ...nothing, active: "pending 3" },
    lost: { ...nothing, active: "pending 3" },
    handover: { ...refused, active: "same" },
    ready: { ...refused, active: "same" },
    yield: { ...refused, active: "pending 3: release 2" },
    end: { ...refused, active: `${completed}: release 2, finish` },
    break: { ...refused, active: `${broken}: finish` },
    "invoke-failed": { again: "handing 2a>3 #1", never: "handing 2a>3 #1", other: "same" },
    cancel: { any: `${cancelled}: cancel 2, finish`, current: `${cancelled}: cancel 2, finish`, other: "same" },
    time: { early: "same", due: "handing 2a>4 #2: invoke 4", silent: "pending 3: fence 2", expired: `${expired}: cancel 2, finish` },
  },
  standby: {
    dial: { ...refused, active: "same: welcome active", next: "same: welcome standby" },
    drop: { ...nothing, active: "live 3a: fence 2, promote 3", next: "handing 2a>3 #1" },
    lost: { ...nothing, active: "live 3a: fence 2, promote 3" },
    handover: { ...refused, active: "same", next: "same" },
    ready: { ...refused, active: "same", next: "standby 2a+3a yielding: ask-yield 2" },
    yield: { ...refused, active: "live 3a: release 2, promote 3" },
    end: { ...refused, active: `${completed}: release 2, release 3, finish` },
    break: { ...refused, active: `${broken}: fence 3, finish` },
    "invoke-failed": notAwaited,
    cancel: { any: `${cancelled}: cancel 2, cancel 3, finish`, current: `${cancelled}: cancel 2, cancel 3, finish`, other: "same" },
    time: { early: "same", due: "same", silent: "live 3a: fence 2, promote 3", expired: `${expired}: cancel 2, cancel 3, finish` },
  },
  ended: {
    dial: refused,
    drop: nothing,
    lost: nothing,
    handover: refused,
    ready: refused,
    yield: refused,
    end: refused,
    break: refused,
    "invoke-failed": notAwaited,
    cancel: { any: "same", current: "same", other: "same" },
    time: { early: "same", due: "same: delete", silent: "same", expired: "same" },
  },
};

/** When the phase's own time is up, where it has one, with every producer alive. */
const dueAfterMs: Record<Phase, number> = {
  pending: 15 * second,
  backoff: second,
  live: settings.leaseMs - 1,
  detached: 3 * second,
  handing: 15 * second,
  standby: settings.leaseMs - 1,
  ended: settings.retentionMs,
};

type EventsOf = { readonly [T in EventType]: (phase: Phase, variant: string) => readonly [StreamEvent, Circumstances] };
const sent =
  (make: (producer: Producer) => StreamEvent) =>
  (_phase: Phase, variant: string): readonly [StreamEvent, Circumstances] => [make(senders[isSender(variant) ? variant : "past"]), at()];
const tooLarge = { code: "event-too-large", message: "Cannot store event 6" } as const;

const events: EventsOf = {
  dial: sent((producer) => ({ type: "dial", producer })),
  drop: sent((producer) => ({ type: "drop", producer, reason: "its socket closed" })),
  lost: sent((producer) => ({ type: "lost", producer, reason: "its answer broke off" })),
  handover: sent((producer) => ({ type: "handover", producer })),
  ready: sent((producer) => ({ type: "ready", producer })),
  yield: sent((producer) => ({ type: "yield", producer })),
  end: sent((producer) => ({ type: "end", producer, outcome: "completed", error: null })),
  break: sent((producer) => ({ type: "break", producer, error: tooLarge })),
  "invoke-failed": (phase, variant) => {
    const awaited = phase === "handing" ? 3 : 2;
    return [{ type: "invoke-failed", attempt: variant === "other" ? 1 : awaited, reason: "429", retry: variant === "again" }, at()];
  },
  cancel: (_phase, variant) => {
    const attempt = variant === "any" ? null : variant === "current" ? 2 : 1;
    return [{ type: "cancel", attempt, reason: "the reader asked" }, at()];
  },
  time: (phase, variant) => {
    const afterMs = variant === "due" ? dueAfterMs[phase] : variant === "expired" ? settings.maxDurationMs : 0;
    // A stream that ended long before its maxDurationMs keeps its retention.
    if (phase === "ended" && variant === "expired") return [{ type: "time", heardAt: noneHeard }, { ...at(), createdAt: now - settings.maxDurationMs }];
    return [{ type: "time", heardAt: variant === "silent" ? noneHeard : allHeard(afterMs) }, at(afterMs)];
  },
};

const cells = phases.flatMap((phase) =>
  Object.keys(table[phase])
    .filter(isEventType)
    .flatMap((type) =>
      Object.entries<string>(table[phase][type]).map(([variant, result]): [Phase, EventType, string, string] => [phase, type, variant, result]),
    ),
);

describe("the transition table", () => {
  test.each(cells)("%s, %s (%s) -> %s", (phase, type, variant, result) => {
    const [event, circumstances] = events[type](phase, variant);
    expect(show(states[phase], step(states[phase], event, circumstances))).toBe(result);
  });

  test("an attempt of the object's own is not given up before its head while it is there", () => {
    const relayed = (afterMs: number): Circumstances => ({ ...at(afterMs), source: "upstream" });
    const late = 60 * second;
    expect(show(states.pending, step(states.pending, { type: "time", heardAt: allHeard(late) }, relayed(late)))).toBe("same");
    expect(nextAlarmAt(states.pending, allHeard(late), relayed(late))).toBe(now + late + settings.leaseMs);
    expect(show(states.pending, step(states.pending, { type: "time", heardAt: noneHeard }, relayed(late)))).toBe("pending 3: invoke 3");
  });

  test("a stream of lost attempts ends with the reason, and no advice for handlers", () => {
    const lastTry: Attempts = { ...attempts, fruitless: 2 };
    const { state } = step({ ...states.live, attempts: lastTry }, { type: "lost", producer: active, reason: "it broke off" }, { ...at(), source: "upstream" });
    expect(state).toMatchObject({ phase: "ended", error: { code: "attempts-exhausted", message: "Cannot go on with the stream: 3 attempts in a row brought no new event; the last: it broke off" } });
  });

  test("has seven phases, eleven events and every variant of each", () => {
    expect(phases).toHaveLength(7);
    expect(Object.keys(events)).toHaveLength(11);
    expect(cells).toHaveLength(7 * (8 * 4 + 3 + 3 + 4));
  });

  test("P4: a refusal says who has the stream", () => {
    const reasons = phases.map((phase) => step(states[phase], { type: "end", producer: past, outcome: "completed", error: null }, at()).effects);
    expect(reasons.flat()).toEqual(
      [
        "attempt 2 is awaited",
        "the next attempt has not been invoked yet",
        "attempt 2 has its producer",
        "attempt 2 has its producer",
        "attempt 2 has its producer",
        "attempts 2 and 3 have their producers",
        "the stream has ended: completed",
      ].map((reason) => ({ do: "refuse", reason })),
    );
  });
});

describe("the first attempt", () => {
  test("is invoked as number 1 and awaited for attemptStartMs", () => {
    expect(begin({ ...at(), tailSeq: 0 })).toEqual({
      state: {
        phase: "pending",
        attempt: 1,
        startBy: now + 15_000,
        attempts: { issued: 1, seqAtStart: 0, fruitless: 0, lastReason: "" },
      },
      effects: [{ do: "invoke", attempt: 1 }],
    });
  });
});

describe("P4: fenced", () => {
  test("of a duplicate delivery the run that dials first has the attempt", () => {
    const welcomed = step(states.pending, { type: "dial", producer: rerun }, at()).state;
    expect(roleOf(welcomed, rerun)).toBe("active");
    expect(show(welcomed, step(welcomed, { type: "dial", producer: active }, at()))).toBe("same: refuse");
  });

  test("a frozen producer that thaws after its lease writes nothing more", () => {
    const recovered = step(states.live, { type: "time", heardAt: noneHeard }, at(settings.leaseMs)).state;
    for (const type of ["dial", "handover", "ready", "yield"] as const) {
      expect(show(recovered, step(recovered, { type, producer: active }, at()))).toBe("same: refuse");
    }
    expect(roleOf(recovered, active)).toBe("fenced");
  });

  test("roles are those the phase names, run by run", () => {
    const onlyActive = ["active", "fenced", "fenced", "fenced"];
    const nobody = ["fenced", "fenced", "fenced", "fenced"];
    expect(phases.map((phase) => Object.values(senders).map((producer) => roleOf(states[phase], producer)))).toEqual([
      nobody,
      nobody,
      onlyActive,
      onlyActive,
      onlyActive,
      ["active", "fenced", "standby", "fenced"],
      nobody,
    ]);
  });
});

describe("P7: alive-or-told", () => {
  const silentFor = (afterMs: number): StreamEvent => ({ type: "time", heardAt: new Map([[2, now - afterMs]]) });

  test("the lease is over exactly leaseMs after a producer was last heard", () => {
    expect(step(states.live, silentFor(settings.leaseMs - 1), at()).effects).toEqual([]);
    expect(show(states.live, step(states.live, silentFor(settings.leaseMs), at()))).toBe("pending 3: fence 2, invoke 3");
  });

  test.each<[Phase, number]>([
    ["pending", now + 15_000],
    ["backoff", now + 1_000],
    ["live", now - 10 + 30_000],
    ["detached", now + 3_000],
    ["handing", now + 15_000],
    ["standby", now - 20 + 30_000],
    ["ended", now + 86_400_000],
  ])("in %s the alarm is set for what comes first", (phase, alarmAt) => {
    const heardAt = new Map([
      [2, now - 10],
      [3, now - 20],
    ]);
    expect(nextAlarmAt(states[phase], heardAt, at())).toBe(alarmAt);
  });

  test("in handing the alarm is set for the lease where that is nearer, in standby for the yield", () => {
    expect(nextAlarmAt(states.handing, new Map([[2, now - 20_000]]), at())).toBe(now + 10_000);
    expect(nextAlarmAt({ ...states.standby, yieldBy: now + 5_000 }, allHeard(), at())).toBe(now + 5_000);
  });

  test.each(phases.filter((phase) => phase !== "ended"))("in %s the alarm is never later than maxDurationMs", (phase) => {
    const old = { ...at(), createdAt: now - settings.maxDurationMs + 1 };
    expect(nextAlarmAt(states[phase], allHeard(), old)).toBe(now + 1);
  });

  test.each(phases.filter((phase) => phase !== "ended"))("in %s with every producer gone, alarms alone lead to an outcome", (phase) => {
    const { ended, alarms, waitedMs } = ringUntilEnded(states[phase], now);
    expect(ended).toMatchObject({ phase: "ended", outcome: "failed", error: { code: "attempts-exhausted" } });
    expect(alarms).toBeLessThanOrEqual(6);
    expect(waitedMs).toBeLessThanOrEqual(3 * settings.leaseMs + 3 * settings.attemptStartMs);
  });

  test.each(["live", "detached", "handing", "standby"] as const)("in %s a silent producer is replaced at the first alarm, within its lease", (phase) => {
    const ringAt = nextAlarmAt(states[phase], allHeard(), at());
    expect(ringAt - now).toBeLessThanOrEqual(settings.leaseMs);
    const { state } = step(states[phase], { type: "time", heardAt: noneHeard }, at(ringAt - now));
    expect(roleOf(state, active)).toBe("fenced");
  });

  test("three attempts in a row without a new event fail the stream, with the last reason and the way out", () => {
    const { ended } = ringUntilEnded(states.pending, now);
    expect(ended.phase === "ended" ? ended.error?.message : "").toMatch(
      /^Cannot go on with the stream: 3 attempts in a row brought no new event; the last: attempt 4 was invoked and did not dial in within 15000 ms: .*let it store checkpoints, use resume: "continue", or raise the function's time limit$/,
    );
  });

  test("an attempt that brought an event starts the count again", () => {
    const tired = { ...states.live, attempts: { ...attempts, fruitless: 2 } };
    const drained = step(tired, { type: "yield", producer: active }, at(0, 6)).state;
    expect(drained).toMatchObject({ phase: "pending", attempts: { fruitless: 0, seqAtStart: 6 } });
    expect(step(tired, { type: "yield", producer: active }, at(0, 5)).state).toMatchObject({ error: { code: "attempts-exhausted" } });
  });

  test("a handover that brought nothing counts as well, and its standby is told when that was the last", () => {
    const tired = { ...states.standby, attempts: { ...withSuccessor, fruitless: 2 } };
    expect(show(tired, step(tired, { type: "yield", producer: active }, at()))).toBe("ended failed attempts-exhausted: release 2, finish, fence 3");
    expect(step(states.standby, { type: "yield", producer: active }, at()).state).toMatchObject({ attempts: { fruitless: 1, lastReason: "handover" } });
  });

  test("an active producer that was asked and does not yield is fenced at yieldBy", () => {
    const asked = step(states.standby, { type: "ready", producer: next }, at()).state;
    expect(asked).toMatchObject({ yieldBy: now + settings.yieldMs });
    expect(step(asked, { type: "time", heardAt: allHeard() }, at(settings.yieldMs - 1)).state).toBe(asked);
    expect(show(asked, step(asked, { type: "time", heardAt: allHeard() }, at(settings.yieldMs)))).toBe("live 3a: fence 2, promote 3");
  });

  test("an active producer that dials again is asked again, for the time that is left", () => {
    const asked = { ...states.standby, yieldBy: now + 5_000 };
    expect(step(asked, { type: "dial", producer: active }, at(2_000))).toEqual({
      state: asked,
      effects: [
        { do: "welcome", role: "active" },
        { do: "ask-yield", attempt: 2, withinMs: 3_000 },
      ],
    });
    expect(step(asked, { type: "dial", producer: active }, at(9_000)).effects.at(1)).toEqual({ do: "ask-yield", attempt: 2, withinMs: 0 });
  });

  test("a standby that is silent for its lease is fenced and replaced at once, while the active one goes on", () => {
    const lost = step(states.standby, { type: "time", heardAt: new Map([[2, now]]) }, at());
    expect(show(states.standby, lost)).toBe("handing 2a>4 #2: fence 3, invoke 4");
  });

  test("a standby whose socket closed may dial again for redialMs, then another successor is invoked", () => {
    const lost = step(states.standby, { type: "drop", producer: next, reason: "closed" }, at()).state;
    expect(lost).toMatchObject({ phase: "handing", successor: 3, startBy: now + settings.redialMs });
    expect(show(lost, step(lost, { type: "time", heardAt: allHeard() }, at(settings.redialMs)))).toBe("handing 2a>4 #2: invoke 4");
  });

  test("after three successors that did not come the active producer goes on alone", () => {
    const third = { ...states.handing, tries: 3 };
    expect(show(third, step(third, { type: "time", heardAt: allHeard(15_000) }, at(15_000)))).toBe("live 2a");
  });

  test("a successor whose invoke was refused is tried again after invokeRetryMs", () => {
    const failed = step(states.handing, { type: "invoke-failed", attempt: 3, reason: "429", retry: true }, at()).state;
    expect(failed).toMatchObject({ startBy: now + settings.invokeRetryMs });
    expect(show(failed, step(failed, { type: "time", heardAt: allHeard(1_000) }, at(1_000)))).toBe("handing 2a>4 #2: invoke 4");
  });

  test("an invoke that was refused for now waits invokeRetryMs, and fails the stream when that was the third", () => {
    const refusal: StreamEvent = { type: "invoke-failed", attempt: 2, reason: "429", retry: true };
    expect(step(states.pending, refusal, at()).state).toMatchObject({ phase: "backoff", invokeAt: now + 1_000, attempts: { fruitless: 1, lastReason: "429" } });
    const tired = { ...states.pending, attempts: { ...attempts, fruitless: 2 } };
    expect(show(tired, step(tired, refusal, at()))).toBe("ended failed attempts-exhausted: finish");
  });
});

describe("P3: truthful-end", () => {
  test("the outcome is the handler's own, with its error", () => {
    const error = { code: "handler-failed", message: "broke" } as const;
    expect(step(states.live, { type: "end", producer: active, outcome: "failed", error }, at(7)).state).toEqual({
      phase: "ended",
      attempt: 2,
      outcome: "failed",
      error,
      endedAt: now + 7,
    });
  });

  test("an expired stream names the limit", () => {
    expect(step(states.live, { type: "time", heardAt: allHeard() }, at(settings.maxDurationMs)).state).toMatchObject({
      outcome: "expired",
      error: { code: "expired", message: "Cannot go on with the stream: it reached its maxDurationMs of 86400000" },
    });
  });
});

describe("P8: stop-is-not-disconnect", () => {
  test("a cancel that names the successor means nothing while the active producer is the current one", () => {
    expect(step(states.standby, { type: "cancel", attempt: 3, reason: "late" }, at()).state).toBe(states.standby);
  });

  test("a cancel before the first dial ends the stream, and the attempt that then dials is refused", () => {
    const ended = step(states.pending, { type: "cancel", attempt: null, reason: "the reader asked" }, at()).state;
    expect(ended).toMatchObject({ outcome: "cancelled", error: { code: "cancelled", message: "the reader asked" } });
    expect(show(ended, step(ended, { type: "dial", producer: active }, at()))).toBe("same: refuse");
  });
});

describe("whatever happens", () => {
  const history = fc.array(anyMove(), { maxLength: 60 });

  test("P4: attempt numbers never fall, are never given out twice, and a producer that was replaced never comes back", () => {
    fc.assert(
      fc.property(history, (moves) => {
        const invoked = [1];
        const replaced = new Set<number>();
        play(moves, (before, event, after) => {
          for (const effect of after.effects) if (effect.do === "invoke") invoked.push(effect.attempt);
          const cameBack = event.type === "dial" && replaced.has(event.producer.attempt) && after.effects[0]?.do !== "refuse";
          expect(cameBack).toBe(false);
          expect(issuedOf(after.state) ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(issuedOf(before) ?? 0);
          const current = activeAttempt(after.state);
          for (const attempt of named(after.state)) expect(replaced).not.toContain(attempt);
          const previous = activeAttempt(before);
          if (previous !== null && previous !== current) replaced.add(previous);
        });
        expect(invoked).toEqual(Array.from({ length: invoked.length }, (_, index) => index + 1));
      }),
      { numRuns: 300 },
    );
  });

  test("P4: a producer the state does not name is refused and changes nothing", () => {
    fc.assert(
      fc.property(history, (moves) => {
        play(moves, (before, event, after) => {
          if (!("producer" in event) || event.type === "dial" || roleOf(before, event.producer) !== "fenced") return;
          expect(after.state).toBe(before);
          expect(after.effects.map((effect) => effect.do)).toEqual(event.type === "drop" || event.type === "lost" ? [] : ["refuse"]);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("P4: a producer is welcomed exactly in the role the state then gives it", () => {
    fc.assert(
      fc.property(history, (moves) => {
        play(moves, (_before, event, after) => {
          const welcome = after.effects.find((effect) => effect.do === "welcome");
          const role = event.type === "dial" ? roleOf(after.state, event.producer) : "fenced";
          expect(welcome?.role ?? "fenced").toBe(role);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("P4: there is one active producer at most, and its standby is another attempt that was given out later", () => {
    fc.assert(
      fc.property(history, (moves) => {
        play(moves, (_before, _event, { state }) => {
          if (state.phase === "ended") return;
          const [current = 0, successor = state.attempts.issued + 1] = named(state);
          expect(current).toBeLessThan(successor);
          for (const attempt of named(state)) expect(attempt).toBeLessThanOrEqual(state.attempts.issued);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("P3: the end comes once, is told once, and absorbs everything but the removal", () => {
    fc.assert(
      fc.property(history, (moves) => {
        let finished = 0;
        play(moves, (before, _event, after) => {
          finished += after.effects.filter((effect) => effect.do === "finish").length;
          expect(finished).toBe(after.state.phase === "ended" ? 1 : 0);
          if (before.phase !== "ended") return;
          expect(after.state).toBe(before);
          for (const effect of after.effects) expect(["refuse", "delete"]).toContain(effect.do);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("P7: an alarm is always set, and one that rings changes the state or is set for later", () => {
    fc.assert(
      fc.property(history, (moves) => {
        play(moves, (_before, _event, { state, effects }, heardAt, circumstances) => {
          if (effects.some((effect) => effect.do === "delete")) return;
          const ringAt = nextAlarmAt(state, heardAt, circumstances);
          expect(Number.isSafeInteger(ringAt)).toBe(true);
          const ring = { ...circumstances, nowMs: Math.max(ringAt, circumstances.nowMs) };
          const rung = step(state, { type: "time", heardAt }, ring);
          const progress = rung.state !== state || rung.effects.some((effect) => effect.do === "delete");
          expect(progress || nextAlarmAt(rung.state, heardAt, ring) > ring.nowMs).toBe(true);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("P7: once every producer is gone, alarms alone lead to an outcome within six", () => {
    fc.assert(
      fc.property(history, (moves) => {
        const { state, nowMs, tailSeq } = play(moves, () => undefined);
        const { ended, alarms } = ringUntilEnded(state, nowMs, tailSeq);
        expect(ended.phase).toBe("ended");
        expect(alarms).toBeLessThanOrEqual(6);
      }),
      { numRuns: 300 },
    );
  });

  test("the histories reach every phase", () => {
    const reached = new Set<Phase>();
    for (const moves of fc.sample(history, { numRuns: 300, seed: 7 })) play(moves, (_before, _event, { state }) => reached.add(state.phase));
    expect(reached).toEqual(new Set(phases));
  });
});

/** One thing that happens: to whom is decided by the state it happens in. */
interface Move {
  readonly type: EventType;
  /** Picks a producer or an attempt: mostly one the state names. */
  readonly who: number;
  readonly run: "a" | "b";
  readonly afterMs: number;
  readonly grows: boolean;
  readonly retry: boolean;
  readonly heard: "all" | "active" | "standby" | "none";
}

function anyMove(): fc.Arbitrary<Move> {
  const usual = fc.constantFrom<EventType>("dial", "dial", "dial", "drop", "handover", "handover", "ready", "ready", "yield", "time", "time");
  const rare = fc.constantFrom<EventType>("lost", "end", "break", "invoke-failed", "cancel");
  return fc.record({
    type: fc.oneof({ arbitrary: usual, weight: 20 }, { arbitrary: rare, weight: 1 }),
    who: fc.nat(4),
    run: fc.constantFrom("a", "a", "a", "b"),
    afterMs: fc.oneof({ arbitrary: fc.nat(6_000), weight: 20 }, { arbitrary: fc.nat(40_000), weight: 4 }, { arbitrary: fc.nat(90_000_000), weight: 1 }),
    grows: fc.boolean(),
    retry: fc.boolean(),
    heard: fc.constantFrom("all", "all", "all", "all", "active", "standby", "none"),
  });
}

type Watch = (before: StreamState, event: StreamEvent, after: Step, heardAt: HeardAt, circumstances: Circumstances) => void;

function play(moves: readonly Move[], watch: Watch): { readonly state: StreamState; readonly nowMs: number; readonly tailSeq: number } {
  let nowMs = now;
  let tailSeq = 0;
  let { state } = begin({ nowMs, settings, tailSeq, createdAt: now, source: "function" });
  for (const move of moves) {
    nowMs += move.afterMs;
    if (move.grows && (state.phase === "live" || state.phase === "handing" || state.phase === "standby")) tailSeq++;
    const circumstances: Circumstances = { nowMs, settings, tailSeq, createdAt: now, source: "function" };
    const heardAt = heardBy(state, move.heard, nowMs);
    const event = eventOf(move, state, heardAt);
    const after = step(state, event, circumstances);
    watch(state, event, after, heardAt, circumstances);
    ({ state } = after);
  }
  return { state, nowMs, tailSeq };
}

function eventOf({ type, who, run, retry }: Move, state: StreamState, heardAt: HeardAt): StreamEvent {
  const known = named(state);
  const attempt = known[who] ?? Math.max(1, (issuedOf(state) ?? 4) - who);
  const producer = { attempt, run };
  switch (type) {
    case "dial":
    case "handover":
    case "ready":
    case "yield":
      return { type, producer };
    case "drop":
    case "lost":
      return { type, producer, reason: "its socket closed" };
    case "end":
      return { type, producer, outcome: "completed", error: null };
    case "break":
      return { type, producer, error: tooLarge };
    case "invoke-failed":
      return { type, attempt, reason: "429", retry };
    case "cancel":
      return { type, attempt: retry ? null : attempt, reason: "the reader asked" };
    case "time":
      return { type, heardAt };
  }
}

function heardBy(state: StreamState, heard: Move["heard"], nowMs: number): HeardAt {
  const standby = state.phase === "standby" ? state.standby.attempt : null;
  const connected = heard === "none" ? [] : heard === "active" ? [activeAttempt(state)] : heard === "standby" ? [standby] : [activeAttempt(state), standby];
  return new Map(connected.filter((attempt) => attempt !== null).map((attempt) => [attempt, nowMs]));
}

/** Nobody says anything any more: only alarms ring. */
function ringUntilEnded(from: StreamState, fromMs: number, tailSeq = 5): { readonly ended: StreamState; readonly alarms: number; readonly waitedMs: number } {
  let state = from;
  let nowMs = fromMs;
  let alarms = 0;
  for (; state.phase !== "ended" && alarms < 20; alarms++) {
    const circumstances: Circumstances = { nowMs, settings, tailSeq, createdAt: now, source: "function" };
    nowMs = Math.max(nowMs, nextAlarmAt(state, noneHeard, circumstances));
    const rung = step(state, { type: "time", heardAt: noneHeard }, { ...circumstances, nowMs });
    expect(rung.state).not.toBe(state);
    ({ state } = rung);
  }
  return { ended: state, alarms, waitedMs: nowMs - fromMs };
}

function issuedOf(state: StreamState): number | null {
  return state.phase === "ended" ? null : state.attempts.issued;
}

function activeAttempt(state: StreamState): number | null {
  return "active" in state ? state.active.attempt : null;
}

/** Every attempt that may still become or be somebody. */
function named(state: StreamState): readonly number[] {
  switch (state.phase) {
    case "pending":
      return [state.attempt];
    case "live":
    case "detached":
      return [state.active.attempt];
    case "handing":
      return [state.active.attempt, state.successor];
    case "standby":
      return [state.active.attempt, state.standby.attempt];
    case "backoff":
    case "ended":
      return [];
  }
}

function show(before: StreamState, { state, effects }: Step): string {
  const text = state === before ? "same" : showState(state);
  return effects.length === 0 ? text : `${text}: ${effects.map(showEffect).join(", ")}`;
}

function showState(state: StreamState): string {
  switch (state.phase) {
    case "pending":
      return `pending ${state.attempt}`;
    case "backoff":
      return "backoff";
    case "live":
    case "detached":
      return `${state.phase} ${name(state.active)}`;
    case "handing":
      return `handing ${name(state.active)}>${state.successor} #${state.tries}`;
    case "standby":
      return `standby ${name(state.active)}+${name(state.standby)}${state.yieldBy === null ? "" : " yielding"}`;
    case "ended":
      return `ended ${state.outcome}${state.error === null ? "" : ` ${state.error.code}`}`;
  }
}

function name({ attempt, run }: Producer): string {
  return `${attempt}${run}`;
}

function showEffect(effect: Effect): string {
  switch (effect.do) {
    case "welcome":
      return `welcome ${effect.role}`;
    case "refuse":
    case "finish":
    case "delete":
      return effect.do;
    case "invoke":
    case "fence":
    case "release":
    case "ask-yield":
    case "promote":
    case "cancel":
      return `${effect.do} ${effect.attempt}`;
  }
}

function isSender(text: string): text is Sender {
  return Object.hasOwn(senders, text);
}

function isEventType(text: string): text is EventType {
  return Object.hasOwn(events, text);
}

test("a producer is the same in attempt and run", () => {
  expect([same(active, { ...active }), same(active, rerun), same(active, past)]).toEqual([true, false, false]);
});
