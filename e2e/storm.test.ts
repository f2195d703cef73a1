/** A short storm of every fault against streams of every kind, judged by a checker that shares no code with the product. */

import { describe, expect, test } from "vitest";
import { countContent, noiseContent } from "../bench/storm/contents.ts";
import type { Hit } from "../bench/storm/faults.ts";
import { accusationOf, figuresOf } from "../bench/storm/report.ts";
import type { Attempt, Status } from "../bench/storm/status.ts";
import { storm } from "../bench/storm/storm.ts";
import { judge } from "../bench/storm/verdict.ts";
import type { StreamRun } from "../bench/storm/verdict.ts";
import { Witness } from "../bench/storm/witness.ts";
import type { Tally } from "../bench/storm/witness.ts";

const noTally = (): Tally => ({ connections: 0, events: 0, bytes: 0, losses: 0, duplicates: 0, alterations: 0, gapsMs: [] });
const content = countContent(3, 0);
const witnessed = (...events: readonly (readonly [id: string, data: string])[]): Witness => {
  const witness = new Witness("s", "fetch", content, noTally());
  for (const [id, data] of events) witness.event(id, data);
  return witness;
};
const attempt = (number: number, lastSeq: number): Attempt => ({
  attempt: number,
  invokedAt: number * 10_000,
  dialledAt: null,
  endedAt: number * 10_000 + 5_000,
  lastSeq,
  end: "lost",
  reason: "silent",
});
const ended = (status: Partial<Status>): Status => ({ phase: "ended", lastSeq: 3, outcome: "completed", errorCode: null, consumers: 0, attempts: [], ...status });
const ran = (status: Status | null, witnesses: readonly Witness[] = []): StreamRun => ({
  id: "s",
  slot: 0,
  plan: { example: "count", path: "/", content, begunBy: "async", readers: [{ kind: "fetch", joinAfterMs: 0, seed: 0 }], cancelAfterMs: null, cancelBy: "post", ambush: [] },
  begunAtMs: 0,
  witnesses,
  cancelledAtMs: null,
  status,
});

describe("the checker", () => {
  test.each([
    ["a loss", [["s-1", '{"n":1}'], ["s-3", '{"n":3}']], "got event 3 where 2 is due"],
    ["a duplicate", [["s-1", '{"n":1}'], ["s-1", '{"n":1}']], "got event 1 again"],
    ["a change of order", [["s-2", '{"n":2}'], ["s-1", '{"n":1}']], "got event 1 again"],
    ["an altered event", [["s-1", '{"n":2}']], "event 1 is"],
    ["one too many", [["s-1", '{"n":1}'], ["s-2", '{"n":2}'], ["s-3", '{"n":3}'], ["s-4", '{"n":4}']], "event 4 is"],
    ["another log", [["t-1", '{"n":1}']], 'the id "t-1"'],
  ] as const)("finds %s", (_what, events, violation) => {
    expect(witnessed(...events).violations.join("\n")).toContain(violation);
  });

  test("finds a byte that is another, and one too many", () => {
    const [wrong, long] = [new Witness("s", "range", noiseContent(4), noTally()), new Witness("s", "range", noiseContent(4), noTally())];
    const bytes = Uint8Array.from([0, 1, 2, 3, 4], (i) => Math.imul(i, 0x9e3779b1) >>> 24);
    wrong.bytes(bytes.with(2, 0).subarray(0, 4));
    long.bytes(bytes);
    expect([wrong.violations, long.violations]).toEqual([[expect.stringContaining("the byte at 2")], [expect.stringContaining("5 bytes of 4")]]);
  });

  test("finds ends that are not true", () => {
    const early = witnessed(["s-1", '{"n":1}']);
    early.finish("ended");
    expect(judge(ran(ended({}), [early]), [])).toEqual([expect.stringContaining("was told ended behind 1 of 3")]);
    expect(judge(ran(ended({}), [witnessed()]), [])).toEqual([expect.stringContaining("was never told the end")]);
    expect(judge(ran(ended({ lastSeq: 2 })), [])).toEqual([expect.stringContaining("completed with 2 of 3")]);
    expect(judge(ran(ended({ outcome: "cancelled" })), [])).toEqual([expect.stringContaining("nobody asked for it")]);
    expect(judge(ran(null), [])).toEqual([expect.stringContaining("has no outcome")]);
  });

  test("takes attempts-exhausted for true only where three attempts without progress were hit", () => {
    const attempts = [attempt(1, 2), attempt(2, 2), attempt(3, 2), attempt(4, 2)];
    const run = ran(ended({ outcome: "failed", errorCode: "attempts-exhausted", lastSeq: 2, attempts }));
    const hit = (atMs: number): Hit => ({ atMs, fault: "kill-lambda", streamId: "s", did: "" });
    expect(judge(run, [hit(21_000), hit(31_000), hit(41_000)])).toEqual([]);
    // The first of the four is the one that got that far.
    expect(judge(run, [hit(11_000), hit(21_000), hit(31_000)])).toEqual([expect.stringContaining("no three faults explain")]);
  });
});

describe("the storm", () => {
  test("P2 P3 P5 P7: two minutes of faults lose, repeat, reorder and alter nothing, and leave nothing behind", { timeout: 480_000 }, async () => {
    const result = await storm({ durationMs: 120_000, streams: 8, seed: 7 });
    expect(accusationOf(result)).toBe("");
    const { streams, faults, handovers, events, bytes } = figuresOf(result);
    expect(Object.keys(streams).toSorted()).toEqual(["body", "count", "tokens"]);
    expect(Object.keys(faults).length).toBeGreaterThan(6);
    expect(Math.min(handovers, events, bytes)).toBeGreaterThan(0);
  });
});
