/** Owns the tests of when a storm was for nothing. */

import { expect, test } from "vitest";
import { figuresOf } from "./report.ts";
import type { Figures } from "./report.ts";
import { missingIn } from "./substance.ts";
import { noTally } from "./testing.ts";

const nothing = figuresOf({
  options: { durationMs: 0, streams: 1, seed: 1 },
  streams: [],
  unanswered: [],
  hits: [],
  invocations: [],
  misses: 0,
  tally: noTally(),
  leftovers: [],
});
const faults = {
  "kill-lambda": 1,
  "freeze-lambda": 1,
  "thaw-lambda": 1,
  "drop-producer": 1,
  "blackhole-producer": 1,
  "duplicate-invocation": 1,
  "delay-invocation": 1,
  "refuse-invocation": 1,
  "evict-stream": 1,
  "abort-stream": 1,
  "restart-worker": 1,
  "drop-consumers": 1,
};
const full: Figures = {
  ...nothing,
  streams: { count: 10, tokens: 6, body: 4 },
  outcomes: { completed: 17, cancelled: 2, failed: 1 },
  readers: { client: 1, "event-source": 1, fetch: 1, range: 1 },
  faults,
  handovers: 1,
  events: 1,
  bytes: 1,
};

test("a storm with something of everything counts", () => {
  expect(missingIn(full)).toEqual([]);
});

test("one in which nothing was done says all that was missing", () => {
  expect(missingIn(nothing)).toHaveLength(3 + 4 + 12 + 3);
});

test("one without a fault, a handover or a kind of stream says so", () => {
  expect(missingIn({ ...full, faults: { ...faults, "freeze-lambda": 0 }, handovers: 0, streams: { count: 10, tokens: 10 } })).toEqual([
    "no stream of body",
    "no hit by freeze-lambda",
    "no count of handovers",
  ]);
});

test("one that gave up more than a twentieth of its streams says so, explained or not", () => {
  expect(missingIn({ ...full, outcomes: { completed: 18, failed: 1 }, unanswered: { failed: 1 } })).toEqual(["2 of 20 streams neither completed nor were cancelled"]);
});
