/** Owns the life of one execution environment, as a pure step from phase and event to phase and effects. */
import { exited, failed, timedOut } from "./invocation.ts";
import type { Exit, Invocation, Result } from "./invocation.ts";
import { limits } from "./limits.ts";

/**
 * starting: the runtime is loading the function, an invocation waits for it.
 * busy: it has the invocation; with a result once it has posted one. It is done only when it asks for the next one,
 *   as on AWS; so whoever sees the result also sees the environment free.
 * suspended: busy, but stopped by a fault. Its time limit runs on.
 * frozen: no invocation, stopped; a thaw comes with the next one.
 * ending: killed, its exit is awaited. ended: reaped.
 */
export type Phase =
  | { readonly name: "starting"; readonly invocation: Invocation }
  | { readonly name: "busy" | "suspended"; readonly invocation: Invocation; readonly result: Result | undefined }
  | { readonly name: "frozen" }
  | { readonly name: "ending"; readonly last: Settlement | undefined }
  | { readonly name: "ended" };

export interface Settlement {
  readonly invocation: Invocation;
  readonly result: Result;
}

export type EnvironmentEvent =
  | { readonly type: "next" }
  | { readonly type: "deliver"; readonly invocation: Invocation }
  | { readonly type: "result"; readonly result: Result }
  | { readonly type: "init-error"; readonly result: Result }
  | { readonly type: "limit" }
  | { readonly type: "suspend" }
  | { readonly type: "resume" }
  | { readonly type: "kill" }
  | { readonly type: "exit"; readonly exit: Exit };

export type Effect =
  | { readonly type: "answer-next"; readonly invocation: Invocation }
  | { readonly type: "signal"; readonly signal: "SIGSTOP" | "SIGCONT" | "SIGKILL" }
  /** Replaces the timer that is running. Each phase has one limit, and "limit" reports its end. */
  | { readonly type: "timer"; readonly delayMs: number }
  | { readonly type: "settle"; readonly settlement: Settlement }
  | { readonly type: "ended" };

export interface Step {
  readonly phase: Phase;
  readonly effects: readonly Effect[];
}

export interface Times {
  readonly timeoutMs: number;
  readonly idleMs: number;
}

export function step(phase: Phase, event: EnvironmentEvent, times: Times): Step {
  switch (event.type) {
    case "next":
      return onNext(phase, times);
    case "deliver":
      return phase.name === "frozen" ? begin(event.invocation, times, [signal("SIGCONT")]) : stay(phase);
    case "result":
      return isBusy(phase) && phase.result === undefined ? stay({ ...phase, result: event.result }) : stay(phase);
    case "init-error":
      return phase.name === "starting" ? kill({ invocation: phase.invocation, result: event.result }) : stay(phase);
    case "limit":
      return onLimit(phase, times);
    case "suspend":
      return phase.name === "busy" ? move({ ...phase, name: "suspended" }, [signal("SIGSTOP")]) : stay(phase);
    case "resume":
      return phase.name === "suspended" ? move({ ...phase, name: "busy" }, [signal("SIGCONT")]) : stay(phase);
    case "kill":
      return onKill(phase);
    case "exit":
      return onExit(phase, event.exit);
  }
}

/** What ends an invocation that asked for another one without having answered. */
function unanswered(invocation: Invocation): Result {
  return failed("error", "Runtime.NoResponse", `RequestId: ${invocation.requestId} Error: the runtime posted no response`);
}

function onNext(phase: Phase, times: Times): Step {
  if (phase.name === "starting") return begin(phase.invocation, times, []);
  if (!isBusy(phase)) return stay(phase);
  const settlement = { invocation: phase.invocation, result: phase.result ?? unanswered(phase.invocation) };
  // Stop before settling: the one who waits for the result may deliver the next invocation at once.
  return move({ name: "frozen" }, [
    signal("SIGSTOP"),
    { type: "timer", delayMs: times.idleMs },
    { type: "settle", settlement },
  ]);
}

function onLimit(phase: Phase, times: Times): Step {
  if (phase.name === "frozen") return kill(undefined);
  if (phase.name === "starting") {
    const { invocation } = phase;
    const message = `RequestId: ${invocation.requestId} Error: init timed out after ${limits.initMs / 1000} seconds`;
    return kill({ invocation, result: failed("init-error", "Sandbox.Timedout", message) });
  }
  if (!isBusy(phase)) return stay(phase);
  const { invocation } = phase;
  return kill({ invocation, result: posted(phase) ?? timedOut(invocation.requestId, times.timeoutMs) });
}

function onKill(phase: Phase): Step {
  if (phase.name === "ending" || phase.name === "ended") return stay(phase);
  return kill(unfinished(phase, { code: null, signal: "SIGKILL" }));
}

function onExit(phase: Phase, exit: Exit): Step {
  if (phase.name === "ended") return stay(phase);
  const settlement = phase.name === "ending" ? phase.last : unfinished(phase, exit);
  const settle: readonly Effect[] = settlement === undefined ? [] : [{ type: "settle", settlement }];
  return move({ name: "ended" }, [{ type: "ended" }, ...settle]);
}

/** How the invocation ends if the process goes away now; a result that was posted still counts. */
function unfinished(phase: Exclude<Phase, { name: "ending" | "ended" }>, exit: Exit): Settlement | undefined {
  if (phase.name === "frozen") return undefined;
  const { invocation } = phase;
  if (phase.name === "starting") return { invocation, result: exited("init-error", invocation.requestId, exit) };
  return { invocation, result: posted(phase) ?? exited("crash", invocation.requestId, exit) };
}

/** A response that was passed on as it came is no result before the runtime asks for more: behind it the function worked on. */
function posted({ invocation, result }: Extract<Phase, { name: "busy" | "suspended" }>): Result | undefined {
  return invocation.sink !== undefined && result?.outcome === "success" ? undefined : result;
}

function begin(invocation: Invocation, times: Times, after: readonly Effect[]): Step {
  return move({ name: "busy", invocation, result: undefined }, [
    { type: "timer", delayMs: times.timeoutMs },
    { type: "answer-next", invocation },
    ...after,
  ]);
}

function kill(last: Settlement | undefined): Step {
  return move({ name: "ending", last }, [signal("SIGKILL")]);
}

function isBusy(phase: Phase): phase is Extract<Phase, { name: "busy" | "suspended" }> {
  return phase.name === "busy" || phase.name === "suspended";
}

function signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): Effect {
  return { type: "signal", signal: name };
}

function move(phase: Phase, effects: readonly Effect[]): Step {
  return { phase, effects };
}

function stay(phase: Phase): Step {
  return { phase, effects: [] };
}
