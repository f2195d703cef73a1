/** Owns the tests of the count of what a stream costs. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Meter } from "./meter.ts";
import type { Cost } from "./meter.ts";

const nothing: Cost = { commits: 0, rowsWritten: 0, messagesIn: 0, requests: 0, activeMs: 0 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a meter", () => {
  test("begins at nothing, and adds up what it is told", () => {
    const meter = new Meter();
    expect(meter.cost).toEqual(nothing);
    meter.add({ commits: 1, rowsWritten: 1 });
    meter.add({ rowsWritten: 2, messagesIn: 3 });
    meter.add({ requests: 4 });
    meter.add({});
    expect(meter.cost).toEqual({ commits: 1, rowsWritten: 3, messagesIn: 3, requests: 4, activeMs: 0 });
  });

  test("gives a cost that later counts do not change", () => {
    const meter = new Meter();
    const before = meter.cost;
    meter.add({ commits: 1 });
    expect(before).toEqual(nothing);
  });
});

describe("the time in which the object cannot sleep", () => {
  test("is counted while something is pending, and up to now", () => {
    const meter = new Meter();
    vi.advanceTimersByTime(1_000);
    meter.hold();
    vi.advanceTimersByTime(30);
    expect(meter.cost.activeMs).toBe(30);
    vi.advanceTimersByTime(20);
    meter.release();
    vi.advanceTimersByTime(1_000);
    expect(meter.cost.activeMs).toBe(50);
  });

  test("is counted once where two things are pending at a time", () => {
    const meter = new Meter();
    meter.hold();
    vi.advanceTimersByTime(10);
    meter.hold();
    vi.advanceTimersByTime(10);
    meter.release();
    vi.advanceTimersByTime(10);
    meter.release();
    vi.advanceTimersByTime(10);
    meter.hold();
    vi.advanceTimersByTime(5);
    meter.release();
    expect(meter.cost.activeMs).toBe(35);
  });

  test("is kept by what is counted meanwhile", () => {
    const meter = new Meter();
    meter.hold();
    vi.advanceTimersByTime(10);
    meter.add({ commits: 1 });
    vi.advanceTimersByTime(10);
    meter.release();
    expect(meter.cost).toEqual({ ...nothing, commits: 1, activeMs: 20 });
  });
});

describe("P5: after the object woke a meter", () => {
  const early: Cost = { commits: 2, rowsWritten: 5, messagesIn: 7, requests: 3, activeMs: 90 };
  const late: Cost = { commits: 3, rowsWritten: 6, messagesIn: 9, requests: 3, activeMs: 100 };

  test.each<[string, readonly (Cost | null)[], Cost]>([
    ["the only one", [early], early],
    ["the later of two", [early, late], late],
    ["the later of two, in any order", [late, early], late],
    ["what is there of two", [null, early], early],
    ["nothing where nothing is", [null, null], nothing],
  ])("goes on from what was stored last: %s", (_, stored, cost) => {
    const meter = new Meter();
    meter.resume(stored);
    expect(meter.cost).toEqual(cost);
  });

  test("goes on from the later one when they are read one after the other", () => {
    const meter = new Meter();
    meter.resume([late]);
    meter.resume([early]);
    meter.add({ requests: 1 });
    expect(meter.cost).toEqual({ ...late, requests: 4 });
  });
});
