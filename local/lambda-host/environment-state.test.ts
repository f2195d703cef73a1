/** Owns the tests of an environment's life as a pure step. */
import { expect, test } from "vitest";
import { step } from "./environment-state.ts";
import type { Effect, EnvironmentEvent, Phase } from "./environment-state.ts";
import type { Invocation, Result } from "./invocation.ts";

const times = { timeoutMs: 3_000, idleMs: 60_000 };
const exit = { code: null, signal: "SIGKILL" };
const result: Result = { outcome: "success", body: Buffer.from("1"), contentType: "application/json" };
const invocation: Invocation = {
  requestId: "r1", functionName: "f", invokedArn: "arn", type: "Event", body: Buffer.from("{}"), payload: {},
};
const starting: Phase = { name: "starting", invocation };

test("an invocation from cold start to freeze", () => {
  expect(run(starting, [{ type: "next" }])).toEqual({
    phase: { name: "busy", invocation, result: undefined },
    effects: [{ type: "timer", delayMs: 3_000 }, { type: "answer-next", invocation }],
  });
  expect(run(starting, [{ type: "next" }, { type: "result", result }, { type: "next" }])).toEqual({
    phase: { name: "frozen" },
    effects: [
      { type: "signal", signal: "SIGSTOP" },
      { type: "timer", delayMs: 60_000 },
      { type: "settle", settlement: { invocation, result } },
    ],
  });
});

test("a frozen environment is given its invocation before it is thawed", () => {
  expect(run({ name: "frozen" }, [{ type: "deliver", invocation }]).effects).toEqual([
    { type: "timer", delayMs: 3_000 },
    { type: "answer-next", invocation },
    { type: "signal", signal: "SIGCONT" },
  ]);
});

test.each<[string, EnvironmentEvent[], string]>([
  ["an exit while the function is loaded", [{ type: "exit", exit }], "init-error"],
  ["a load that takes too long", [{ type: "limit" }, { type: "exit", exit }], "init-error"],
  ["an exit in the middle", [{ type: "next" }, { type: "exit", exit }], "crash"],
  ["a kill", [{ type: "next" }, { type: "kill" }, { type: "exit", exit }], "crash"],
  ["the time limit", [{ type: "next" }, { type: "limit" }, { type: "exit", exit }], "timeout"],
  ["the time limit while suspended", [{ type: "next" }, { type: "suspend" }, { type: "limit" }, { type: "exit", exit }], "timeout"],
  ["an exit after the result", [{ type: "next" }, { type: "result", result }, { type: "exit", exit }], "success"],
  ["the time limit after the result", [{ type: "next" }, { type: "result", result }, { type: "limit" }, { type: "exit", exit }], "success"],
  ["a result that was on its way when the process was stopped",
    [{ type: "next" }, { type: "suspend" }, { type: "result", result }, { type: "resume" }, { type: "next" }], "success"],
  ["a second result", [{ type: "next" }, { type: "result", result }, { type: "result", result }, { type: "next" }], "success"],
  ["next without a result", [{ type: "next" }, { type: "next" }], "error"],
])("settles once: %s", (_, events, outcome) => {
  const settled = all(starting, events).filter((effect) => effect.type === "settle");
  expect(settled).toMatchObject([{ settlement: { invocation: { requestId: "r1" }, result: { outcome } } }]);
});

test.each<[string, EnvironmentEvent, string]>([
  ["an exit", { type: "exit", exit }, "crash"],
  ["the time limit", { type: "limit" }, "timeout"],
  ["next", { type: "next" }, "success"],
])("behind a response that was passed on, %s settles the invocation", (_, event, outcome) => {
  const passedOn: Invocation = { ...invocation, sink: { begin: () => {}, write: async () => {}, end: () => {} } };
  const effects = all({ name: "starting", invocation: passedOn }, [{ type: "next" }, { type: "result", result }, event, { type: "exit", exit }]);
  expect(effects.filter(({ type }) => type === "settle")).toMatchObject([{ settlement: { result: { outcome } } }]);
});

test("an idle environment ends without settling anything", () => {
  const effects = all({ name: "frozen" }, [{ type: "limit" }, { type: "exit", exit }]);
  expect(effects).toEqual([{ type: "signal", signal: "SIGKILL" }, { type: "ended" }]);
});

test("what makes no sense in a phase changes nothing", () => {
  const events: EnvironmentEvent[] = [
    { type: "next" }, { type: "deliver", invocation }, { type: "result", result }, { type: "init-error", result },
    { type: "limit" }, { type: "suspend" }, { type: "resume" }, { type: "kill" },
  ];
  for (const event of [...events, { type: "exit", exit } as const]) {
    expect(run({ name: "ended" }, [event])).toEqual({ phase: { name: "ended" }, effects: [] });
  }
  const ending: Phase = { name: "ending", last: { invocation, result } };
  for (const event of events) expect(run(ending, [event])).toEqual({ phase: ending, effects: [] });
});

/** The last step. */
function run(phase: Phase, events: readonly EnvironmentEvent[]): { phase: Phase; effects: readonly Effect[] } {
  let last: { phase: Phase; effects: readonly Effect[] } = { phase, effects: [] };
  for (const event of events) last = step(last.phase, event, times);
  return last;
}

/** The effects of all steps. */
function all(phase: Phase, events: readonly EnvironmentEvent[]): readonly Effect[] {
  let current = phase;
  return events.flatMap((event) => {
    const next = step(current, event, times);
    current = next.phase;
    return next.effects;
  });
}
