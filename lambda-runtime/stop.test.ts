/** Owns the tests of the reasons to stop and of the wait that notices them. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { Stop } from "./stop.ts";
import type { StopReason } from "./stop.ts";

const yielded: StopReason = { kind: "yield" };
const cancelled: StopReason = { kind: "cancel", reason: "the reader asked" };
const fenced: StopReason = { kind: "fenced", reason: "attempt 1 was replaced" };
const failed: StopReason = { kind: "failed", error: new LongstreamError("unavailable", "Cannot dial in: 503") };

describe("a reason to stop", () => {
  test("is none at first", () => {
    expect(new Stop().reason).toBeNull();
  });

  test.each([
    ["yield", [yielded], yielded],
    ["cancel", [cancelled], cancelled],
    ["fenced", [fenced], fenced],
    ["failed", [failed], failed],
  ])("%s stands", (_, given, reason) => {
    expect(reasonAfter(given)).toBe(reason);
  });

  test.each([
    ["a cancel", [cancelled, fenced, failed, yielded], cancelled],
    ["a fence", [fenced, cancelled, yielded], fenced],
    ["a failure", [failed, cancelled, fenced, yielded], failed],
  ])("%s stays the reason, whatever comes later", (_, given, reason) => {
    expect(reasonAfter(given)).toBe(reason);
  });

  test.each([
    ["P8: a cancel", [yielded, cancelled], cancelled],
    ["P4: a fence", [yielded, fenced], fenced],
    ["a failure", [yielded, failed], failed],
  ])("%s replaces a yield that was begun", (_, given, reason) => {
    expect(reasonAfter(given)).toBe(reason);
  });
});

describe("work that may be stopped", () => {
  test("is done when nothing stops it", async () => {
    expect(await new Stop().orStop(Promise.resolve(7))).toEqual({ done: 7 });
  });

  test("rejects as itself when nothing stops it", async () => {
    await expect(new Stop().orStop(Promise.reject(new TypeError("broke")))).rejects.toThrow(new TypeError("broke"));
  });

  test("is stopped at once, however long it takes", async () => {
    const stop = new Stop();
    const waiting = stop.orStop(Promise.withResolvers<void>().promise);
    stop.give(cancelled);
    expect(await waiting).toEqual({ stopped: cancelled });
  });

  test("is not waited for when the reason was there before", async () => {
    const stop = new Stop();
    stop.give(yielded);
    expect(await stop.orStop(Promise.withResolvers<void>().promise)).toEqual({ stopped: yielded });
    expect(await stop.orStop(Promise.resolve("late"))).toEqual({ stopped: yielded });
  });

  test("that fails after it was stopped is nobody's concern", async () => {
    const stop = new Stop();
    const work = Promise.withResolvers<void>();
    const waiting = stop.orStop(work.promise);
    stop.give(fenced);
    work.reject(new Error("late"));
    expect(await waiting).toEqual({ stopped: fenced });
  });

  test("that was done before the reason came leaves the next work to be stopped", async () => {
    const stop = new Stop();
    expect(await stop.orStop(Promise.resolve(1))).toEqual({ done: 1 });
    const waiting = stop.orStop(Promise.withResolvers<void>().promise);
    stop.give(yielded);
    stop.give(cancelled);
    expect(await waiting).toEqual({ stopped: yielded });
    expect(await stop.orStop(Promise.resolve(2))).toEqual({ stopped: cancelled });
  });
});

function reasonAfter(given: readonly StopReason[]): StopReason | null {
  const stop = new Stop();
  for (const reason of given) stop.give(reason);
  return stop.reason;
}
