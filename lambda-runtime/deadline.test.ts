/** Owns the tests of when a successor is asked for and when an attempt stops. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { planDeadlines } from "./deadline.ts";

test.each([
  ["15 minutes", 900_000, 840_000, 897_000],
  ["5 minutes", 300_000, 240_000, 297_000],
  ["4 minutes, where a minute is a quarter", 240_000, 180_000, 237_000],
  ["one minute", 60_000, 45_000, 57_000],
  ["30 seconds, where three seconds are a tenth", 30_000, 22_500, 27_000],
  ["3 seconds", 3_000, 2_250, 2_700],
  ["nothing", 0, 0, 0],
  ["less than nothing", -5_000, 0, 0],
])("with %s left, the handover and the stop leave time for what follows them", (_, remainingMs, handoverInMs, stopInMs) => {
  expect(planDeadlines(remainingMs)).toEqual({ handoverInMs, stopInMs });
});

test("P7: whatever is left, the handover comes first, then the stop, then the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900_000 }), (remainingMs) => {
      const { handoverInMs, stopInMs } = planDeadlines(remainingMs);
      expect(handoverInMs).toBeGreaterThanOrEqual(0);
      expect(handoverInMs).toBeLessThan(stopInMs);
      expect(stopInMs).toBeLessThan(remainingMs);
    }),
  );
});
