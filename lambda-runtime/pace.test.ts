/** Owns the tests of when an object counts as late. */

import { expect, test } from "vitest";
import { Pace } from "./pace.ts";

/** Time runs in milliseconds from 0; a frame of one event each. */
function acknowledgedAfter(intervalMs: number, ...tookMs: readonly number[]): { readonly pace: Pace; readonly nowMs: number } {
  const pace = new Pace(intervalMs);
  let nowMs = 0;
  for (const [index, ms] of tookMs.entries()) {
    pace.sent(index + 1, nowMs);
    nowMs += ms;
    pace.acknowledged(index + 1, nowMs);
  }
  return { pace, nowMs };
}

test("nothing is late before anything was sent", () => {
  expect(new Pace(50).late(1_000_000)).toBe(false);
});

test("a commit's interval and the way there and back are no lateness", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 200, 250, 350);
  expect(pace.late(nowMs)).toBe(false);
});

test("the shortest way counts", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 5, 156);
  expect(pace.late(nowMs)).toBe(true);
});

test("an object that is late from the start does not pass for one that is far away", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 3_000, 401);
  expect(pace.late(nowMs)).toBe(true);
});

test("a longer interval allows more", () => {
  const { pace, nowMs } = acknowledgedAfter(1_000, 5, 1_105);
  expect(pace.late(nowMs)).toBe(false);
});

test("one acknowledgement in time ends it", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 5, 900, 20);
  expect(pace.late(nowMs)).toBe(false);
});

test("the wait for one that has not come counts from the oldest frame it is for", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 5);
  pace.sent(2, nowMs);
  pace.sent(3, nowMs + 150);
  expect([pace.late(nowMs + 155), pace.late(nowMs + 156)]).toEqual([false, true]);
});

test("an acknowledgement of less than the frame that is timed says nothing", () => {
  const { pace, nowMs } = acknowledgedAfter(50, 5);
  pace.sent(9, nowMs);
  pace.acknowledged(8, nowMs + 1);
  expect(pace.late(nowMs + 500)).toBe(true);
});

test("an acknowledgement that seems to come before its frame does not make all others late", () => {
  const { pace, nowMs } = acknowledgedAfter(50, -10_000, 20);
  expect(pace.late(nowMs)).toBe(false);
});
