/** Owns the proof of how long a reconnect waits. */

import { afterEach, expect, test, vi } from "vitest";
import { openStream } from "./index.ts";
import { Pace } from "./reconnect.ts";
import { ended, events, origin, readData, run, script, unreachable } from "./testing.ts";

afterEach(() => {
  vi.useRealTimers();
});

function waits(random: number): number[] {
  const pace = new Pace({ minMs: 100, maxMs: 1_000 }, () => random);
  return [0, 1, 2, 3, 4, 50].map((failures) => pace.waitMs(failures));
}

test("the wait is drawn between the least and twice that for each failure in a row, up to the most", () => {
  expect(waits(0)).toEqual([100, 100, 100, 100, 100, 100]);
  expect(waits(0.5)).toEqual([150, 225, 375, 575, 575, 575]);
});

test("the server's retry is the least, exact after a connection that worked, and wins over the caller's most", () => {
  const pace = new Pace({ minMs: 100, maxMs: 1_000 }, () => 0.5);
  pace.told(400);
  expect([0, 1, 2, 3].map((failures) => pace.waitMs(failures))).toEqual([400, 600, 700, 700]);
  pace.told(5_000);
  expect([0, 1, 2].map((failures) => pace.waitMs(failures))).toEqual([5_000, 5_000, 5_000]);
});

test("a retry of 0, or past what a timer holds, makes no loop without a pause", () => {
  const pace = new Pace({ minMs: 100 }, () => 0);
  pace.told(0);
  expect(pace.waitMs(3)).toBe(100);
  pace.told(1e15);
  expect(pace.waitMs(0)).toBe(2 ** 31 - 1);
});

test("the first reconnect after a connection that worked waits what the server said", async () => {
  vi.useFakeTimers();
  const { fetch, sent } = script(events([`retry: 2000\n\n${run(1, 1)}`], "cut"), events([ended(1, "completed")], "clean"));
  const reading = readData(openStream(origin, { fetch }));
  await vi.advanceTimersByTimeAsync(1_999);
  expect(sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await reading).toEqual(["1"]);
});

test("a reconnect waits what the connection that failed was told, though it brought nothing else", async () => {
  vi.useFakeTimers();
  const { fetch, sent } = script(events(["retry: 4000\n\n"], "cut"), events([run(1, 1) + ended(1, "completed")], "clean"));
  const reading = readData(openStream(origin, { fetch, retry: { minMs: 1, maxMs: 1 } }));
  await vi.advanceTimersByTimeAsync(3_999);
  expect(sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(await reading).toEqual(["1"]);
});

test("close ends a wait, and leaves no timer behind", async () => {
  vi.useFakeTimers();
  const { fetch, sent } = script(unreachable);
  const stream = openStream(origin, { fetch });
  const reading = readData(stream);
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  stream.close();
  expect([await reading, vi.getTimerCount(), sent.length]).toEqual([[], 0, 1]);
});
