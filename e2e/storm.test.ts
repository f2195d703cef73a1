/** A short storm of every fault against streams of every kind, judged by a checker that shares no code with the product. */

import { expect, test } from "vitest";
import { accusationOf, figuresOf } from "../bench/storm/report.ts";
import { storm } from "../bench/storm/storm.ts";
import { missingIn } from "../bench/storm/substance.ts";

test("P2 P3 P5 P7: two minutes of faults lose, repeat, reorder and alter nothing, and leave nothing behind", { timeout: 480_000 }, async () => {
  const result = await storm({ durationMs: 120_000, streams: 8, seed: 7 });
  expect(accusationOf(result)).toBe("");
  expect(missingIn(figuresOf(result))).toEqual([]);
});
