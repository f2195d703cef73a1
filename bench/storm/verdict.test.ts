/** Owns the tests of the judgement: ends that are not true, and what excuses a stream that was given up. */

import { describe, expect, test } from "vitest";
import type { Hit } from "./faults.ts";
import type { Attempt } from "./status.ts";
import { attempt, ended, hit, ran, witnessed } from "./testing.ts";
import { judge, judgeRefusal, judgeUnanswered } from "./verdict.ts";

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

describe("a stream that was given up", () => {
  const given = (hits: readonly Hit[], attempts: readonly Attempt[] = [attempt(1, 2), attempt(2, 2), attempt(3, 2), attempt(4, 2)]): readonly string[] =>
    judge(ran(ended({ outcome: "failed", errorCode: "attempts-exhausted", lastSeq: 2, attempts })), hits);
  const unexplained = [expect.stringContaining("no three faults explain")];
  const inEach = (fault: string, more: Partial<Hit> = {}): readonly Hit[] => [2, 3, 4].map((number) => hit(fault, number * 10_000 + 2_000, more));

  test("is excused where three attempts without progress were hit", () => {
    expect(given(inEach("kill-lambda"))).toEqual([]);
    // The first of the four is the one that got that far.
    expect(given([hit("kill-lambda", 11_000), hit("kill-lambda", 21_000), hit("kill-lambda", 31_000)])).toEqual(unexplained);
  });

  test.each(["kill-lambda", "freeze-lambda", "drop-producer", "blackhole-producer", "abort-stream", "restart-worker"])("%s can hurt", (fault) => {
    expect(given(inEach(fault))).toEqual([]);
  });

  test.each(["drop-consumers", "thaw-lambda", "duplicate-invocation"])("%s hurts no attempt", (fault) => {
    expect(given(inEach(fault))).toEqual(unexplained);
  });

  test("an eviction hurts where sockets close, or the attempt was still on its way", () => {
    expect(given(inEach("evict-stream", { parameters: { sockets: "close" } }))).toEqual([]);
    expect(given(inEach("evict-stream", { parameters: { sockets: "hibernate" } }))).toEqual(unexplained);
    expect(given([2, 3, 4].map((number) => hit("evict-stream", number * 10_000 + 500, { parameters: { sockets: "hibernate" } })))).toEqual([]);
  });

  test("what was armed excuses the attempt that took it, and no other", () => {
    const taken = (numbers: readonly number[], streamId = "s"): readonly Hit[] => numbers.map((number) => hit("delay-invocation", number * 10_000, { streamId, attempt: number }));
    expect(given(taken([2, 3, 4]))).toEqual([]);
    expect(given(taken([1, 2, 3]))).toEqual(unexplained);
    expect(given(taken([2, 3, 4], "t")), "another stream's").toEqual(unexplained);
  });

  test("a hit is felt by the attempts of its own time, a restart a little longer", () => {
    const before = (fault: string, beforeMs: number): readonly Hit[] => [2, 3, 4].map((number) => hit(fault, number * 10_000 - beforeMs, { streamId: null }));
    expect(given(before("abort-stream", 100))).toEqual(unexplained);
    expect(given(before("restart-worker", 2_500))).toEqual([]);
    expect(given(before("restart-worker", 3_500))).toEqual(unexplained);
    expect(given(before("restart-worker", 3_500).map((restart) => ({ ...restart, doneAtMs: restart.atMs + 1_000 })))).toEqual([]);
  });

  test("one that may have been done or not excuses", () => {
    expect(given(inEach("abort-stream", { effect: "unknown" }))).toEqual([]);
  });

  test("a successor that was replaced is none of the three", () => {
    const attempts = [attempt(1, 2), attempt(2, 2, "unused"), attempt(3, 2), attempt(4, 2), attempt(5, 2)];
    expect(given([2, 3, 4].map((number) => hit("kill-lambda", number * 10_000 + 2_000)), attempts)).toEqual(unexplained);
    expect(given([3, 4, 5].map((number) => hit("kill-lambda", number * 10_000 + 2_000)), attempts)).toEqual([]);
  });

  test("is judged the same where its creator got no answer", () => {
    const status = ended({ outcome: "failed", errorCode: "attempts-exhausted", lastSeq: 2, attempts: [1, 2, 3, 4].map((number) => attempt(number, 2)) });
    expect(judgeUnanswered("s", status, [])).toEqual(unexplained);
    expect(judgeUnanswered("s", status, inEach("kill-lambda"))).toEqual([]);
    expect(judgeUnanswered("s", ended({}), [])).toEqual([]);
    expect(judgeUnanswered("s", ended({ outcome: "cancelled" }), [])).toEqual([expect.stringContaining("nobody asked for it")]);
    expect(judgeUnanswered("s", ended({ outcome: "failed", errorCode: "replay-diverged" }), [])).toEqual([expect.stringContaining("replay-diverged")]);
  });
});

test("a request may be lost by a restart alone, and a wrong answer has no excuse", () => {
  const refusal = { path: "/api/count", atMs: 10_000, failedAtMs: 11_000, kind: "lost", what: "no answer" } as const;
  const restart = hit("restart-worker", 10_500, { streamId: null, doneAtMs: 12_000 });
  expect(judgeRefusal(refusal, [restart])).toEqual([]);
  expect(judgeRefusal({ ...refusal, kind: "wrong" }, [restart])).toHaveLength(1);
  expect(judgeRefusal(refusal, [hit("kill-lambda", 10_500), { ...restart, atMs: 11_500 }])).toEqual(["a request for /api/count got no stream, and no fault explains it: no answer"]);
});
