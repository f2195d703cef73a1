/** Owns the tests of the account of attempts. */

import { describe, expect, test } from "vitest";
import { account } from "./attempts.ts";
import type { AttemptRecord } from "./attempts.ts";
import { defaultSettings } from "./settings.ts";
import type { Circumstances, HeardAt, Producer, StreamEvent, StreamState } from "./stream-state.ts";
import { begin, step } from "./stream-step.ts";

const settings = defaultSettings;
const nobody: HeardAt = new Map();
const run = (attempt: number): Producer => ({ attempt, run: "a" });
const heard = (nowMs: number, ...attempts: readonly number[]): HeardAt => new Map(attempts.map((attempt) => [attempt, nowMs]));

/** Steps a new stream through events, each with its time and the log's end by then. */
function play(...story: readonly (readonly [nowMs: number, tailSeq: number, event: StreamEvent])[]): readonly AttemptRecord[] {
  const at = (nowMs: number, tailSeq: number): Circumstances => ({ nowMs, settings, tailSeq, createdAt: 0, source: "function" });
  let { state }: { readonly state: StreamState } = begin(at(0, 0));
  let records = account([], { before: null, event: null, after: state, nowMs: 0, tailSeq: 0 });
  for (const [nowMs, tailSeq, event] of story) {
    const after = step(state, event, at(nowMs, tailSeq)).state;
    records = account(records, { before: state, event, after, nowMs, tailSeq });
    state = after;
  }
  return records;
}

const brief = (records: readonly AttemptRecord[]): readonly unknown[] =>
  records.map(({ attempt, invokedAt, dialledAt, endedAt, lastSeq, end, reason }) => [attempt, invokedAt, dialledAt, endedAt, lastSeq, end, reason]);

describe("the account of attempts", () => {
  test("of one that completes", () => {
    expect(brief(play([10, 0, { type: "dial", producer: run(1) }], [90, 7, { type: "end", producer: run(1), outcome: "completed", error: null }]))).toEqual([
      [1, 0, 10, 90, 7, "final", "completed"],
    ]);
  });

  test("of a handover: the successor is there before the first one goes", () => {
    const records = play(
      [10, 0, { type: "dial", producer: run(1) }],
      [50, 3, { type: "handover", producer: run(1) }],
      [60, 4, { type: "dial", producer: run(2) }],
      [65, 4, { type: "ready", producer: run(2) }],
      [70, 5, { type: "yield", producer: run(1) }],
    );
    expect(brief(records)).toEqual([
      [1, 0, 10, 70, 5, "handed-over", "handed over"],
      [2, 50, 60, null, null, null, null],
    ]);
  });

  test("of one that stops at its limit alone: a yield to nobody is no handover", () => {
    const records = play(
      [10, 0, { type: "dial", producer: run(1) }],
      [50, 3, { type: "handover", producer: run(1) }],
      [70, 5, { type: "yield", producer: run(1) }],
    );
    expect(brief(records)).toEqual([
      [1, 0, 10, 70, 5, "lost", expect.stringContaining("before a successor was there")],
      [2, 50, null, null, null, null, null],
    ]);
  });

  test("of a crash: the reason is the one that counts for the stream", () => {
    const records = play(
      [10, 0, { type: "dial", producer: run(1) }],
      [50, 3, { type: "drop", producer: run(1), reason: "its socket closed" }],
      [5_000, 3, { type: "time", heardAt: nobody }],
      [5_100, 3, { type: "dial", producer: run(2) }],
      [5_200, 3, { type: "dial", producer: run(2) }],
    );
    expect(brief(records)).toEqual([
      [1, 0, 10, 5_000, 3, "lost", expect.stringContaining("did not dial again")],
      [2, 5_000, 5_100, null, null, null, null],
    ]);
  });

  test("of a successor that does not come, and of a cancel", () => {
    const records = play(
      [10, 0, { type: "dial", producer: run(1) }],
      [20, 1, { type: "handover", producer: run(1) }],
      [20_000, 1, { type: "time", heardAt: heard(20_000, 1) }],
      [20_100, 1, { type: "cancel", attempt: null, reason: "enough" }],
    );
    expect(brief(records)).toEqual([
      [1, 0, 10, 20_100, 1, "final", "cancelled: enough"],
      [2, 20, null, 20_000, 1, "unused", "the successor did not come, or was lost"],
      [3, 20_000, null, 20_100, 1, "unused", "the stream has ended: cancelled"],
    ]);
  });

  test("of attempts that run out before a successor came: the one that was active was lost", () => {
    const dropped = (attempt: number, nowMs: number): readonly (readonly [number, number, StreamEvent])[] => [
      [nowMs, 0, { type: "dial", producer: run(attempt) }],
      [nowMs + 1, 0, { type: "drop", producer: run(attempt), reason: "its socket closed" }],
      [nowMs + 5_000, 0, { type: "time", heardAt: nobody }],
    ];
    const records = play(
      ...dropped(1, 10),
      ...dropped(2, 6_000),
      [12_000, 0, { type: "dial", producer: run(3) }],
      [12_001, 0, { type: "handover", producer: run(3) }],
      [12_002, 0, { type: "drop", producer: run(3), reason: "its socket closed" }],
    );
    expect(brief(records).slice(2)).toEqual([
      [3, 11_000, 12_000, 12_002, 0, "lost", expect.stringContaining("in a row")],
      [4, 12_001, null, 12_002, 0, "final", expect.stringContaining("failed: ")],
    ]);
  });

  test("P6: keeps the latest hundred", () => {
    const story = Array.from({ length: 149 }, (_, index): readonly (readonly [number, number, StreamEvent])[] => [
      [index * 100 + 10, index, { type: "dial", producer: run(index + 1) }],
      [index * 100 + 90, index + 1, { type: "yield", producer: run(index + 1) }],
    ]);
    const records = play(...story.flat());
    expect([records.length, records[0]?.attempt, records.at(-1)?.attempt]).toEqual([100, 51, 150]);
  });
});
