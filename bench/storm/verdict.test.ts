/** Owns the tests of the judgement: ends that are not true, and what excuses a stream that was given up. */

import { describe, expect, test } from "vitest";
import { attempt, ended, hit, ran, witnessed } from "./testing.ts";
import { judge } from "./verdict.ts";

describe("a stream's verdict", () => {
  test("finds ends that are not true", () => {
    const early = witnessed(["s-1", '{"n":1}']);
    early.finish("ended");
    expect(judge(ran(ended({}), [early]), [])).toEqual([expect.stringContaining("was told ended behind 1 of 3")]);
    expect(judge(ran(ended({}), [witnessed()]), [])).toEqual([expect.stringContaining("was never told the end")]);
    expect(judge(ran(ended({ lastSeq: 2 })), [])).toEqual([expect.stringContaining("completed with 2 of 3")]);
    expect(judge(ran(ended({ outcome: "cancelled" })), [])).toEqual([expect.stringContaining("nobody asked for it")]);
    expect(judge(ran(null), [])).toEqual([expect.stringContaining("has no outcome")]);
  });

  test("holds what longstream.end said against the status", () => {
    const told = (outcome: "completed" | "cancelled", errorCode: string | null): readonly string[] => {
      const witness = witnessed(["s-1", '{"n":1}'], ["s-2", '{"n":2}'], ["s-3", '{"n":3}']);
      witness.tell({ outcome, errorCode });
      witness.finish(outcome);
      return judge({ ...ran(ended({ outcome: "cancelled", errorCode: "cancelled" }), [witness]), cancelledAtMs: 1 }, []);
    };
    expect(told("cancelled", "cancelled")).toEqual([]);
    expect(told("cancelled", "expired")).toEqual([expect.stringContaining("was told the error expired, and it is cancelled")]);
    expect(told("completed", "cancelled")).toEqual([expect.stringContaining("was told completed, and the outcome is cancelled")]);
  });
});

test("attempts-exhausted is true only where three attempts without progress were hit", () => {
  const attempts = [attempt(1, 2), attempt(2, 2), attempt(3, 2), attempt(4, 2)];
  const run = ran(ended({ outcome: "failed", errorCode: "attempts-exhausted", lastSeq: 2, attempts }));
  expect(judge(run, [hit("kill-lambda", 21_000), hit("kill-lambda", 31_000), hit("kill-lambda", 41_000)])).toEqual([]);
  // The first of the four is the one that got that far.
  expect(judge(run, [hit("kill-lambda", 11_000), hit("kill-lambda", 21_000), hit("kill-lambda", 31_000)])).toEqual([expect.stringContaining("no three faults explain")]);
});
