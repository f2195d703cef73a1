/** Past the time limit: chained Lambdas behind one open response, with the limit at 4 s. */

import { describe, expect, test } from "vitest";
import type { InvocationInfo } from "../local/lambda-host/index.ts";
import type { Stack } from "../local/stack.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useRecords } from "./support/records.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor } from "./support/status.ts";

const records = useRecords();
/** With a grace, a machine that stands still for half a second does not read as a function that did not stop in time. */
const stack = useStack({ fixtures: ["continuing"], functionEnv: records.env, lambdaTimeoutMs: 4_000, lambdaGraceMs: 8_000 });
const killing = useStack({ fixtures: ["crash", "shapes"], lambdaTimeoutMs: 4_000 });
const at = (path: string): URL => new URL(path, stack.current.url);
const atKilling = (path: string): URL => new URL(path, killing.current.url);
const outcomesOf = async (id: string, { lambda }: Stack = stack.current): Promise<readonly string[]> =>
  waitFor("every invocation to end", () => {
    const all = lambda.invocations().filter(({ payload }) => JSON.stringify(payload).includes(`"${id}"`));
    return all.every(({ outcome }) => outcome !== "running" && outcome !== "queued") ? all.map(describeEnd) : undefined;
  });
const describeEnd = ({ outcome, payload, startedAtMs, endedAtMs }: InvocationInfo): string =>
  outcome === "success" ? outcome : `${outcome} after ${(endedAtMs ?? 0) - (startedAtMs ?? 0)} ms: ${JSON.stringify(payload)}`;

/** Side by side: each waits for time limits most of its time. */
describe.concurrent("handover before the limit", () => {
  test("a 60 s stream crosses at least 14 attempts; one response, 1..1200 once, every invocation a success", { timeout: 120_000 }, async () => {
    const reader = await Reader.readAll(at("/api/count?n=1200&intervalMs=50"));
    expect(reader.numbers).toEqual(upTo(1_200));
    expect(await reader.ended).toBe("clean");
    const { attempt } = await statusOf(stack.current.url, reader.streamId);
    expect(attempt).toBeGreaterThanOrEqual(14);
    const outcomes = await outcomesOf(reader.streamId);
    expect(outcomes).toHaveLength(attempt);
    expect(new Set(outcomes)).toEqual(new Set(["success"]));
  });

  test("more than 16 hops work", { timeout: 120_000 }, async () => {
    const reader = await Reader.readAll(at("/fixtures/continuing?n=620&intervalMs=100"));
    expect(reader.numbers).toEqual(upTo(620));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBeGreaterThan(16);
  });

  test("continue: the successor starts behind its predecessor's last event, whose finally blocks run", { timeout: 60_000 }, async () => {
    const reader = await Reader.readAll(at("/fixtures/continuing?n=200&intervalMs=50"));
    expect(reader.numbers).toEqual(upTo(200));
    await outcomesOf(reader.streamId);
    const entries = records.of(reader.streamId);
    const { attempt } = await statusOf(stack.current.url, reader.streamId);
    expect(attempt).toBeGreaterThan(2);
    expect(entries.filter(({ finally: over }) => over === true)).toHaveLength(attempt);
    const handedOver = entries.filter((entry) => entry["finally"] === true && entry["attempt"] !== attempt);
    expect(handedOver.every(({ handover }) => handover === true)).toBe(true);
    const starts = entries.filter(({ finally: over }) => over === undefined).map(({ resume }) => Number(resume));
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  test("replay at full speed: a standby that repeats a long prefix does not hold up the one before", { timeout: 60_000 }, async () => {
    const reader = await Reader.readAll(at("/api/count?n=900&intervalMs=10&size=200"));
    expect(reader.numbers).toEqual(upTo(900));
    expect(new Set(await outcomesOf(reader.streamId))).toEqual(new Set(["success"]));
  });

  test("a handler that blocks to its limit in mid-event is killed, and the next attempt goes on", { timeout: 60_000 }, async () => {
    const reader = await Reader.readAll(atKilling("/fixtures/crash?how=block&n=12&at=5"));
    expect(reader.numbers).toEqual(upTo(12));
    expect(await outcomesOf(reader.streamId, killing.current)).toContainEqual(expect.stringMatching(/^timeout/));
  });

  test("P7: a handler that is silent for three attempts ends in an error that names the ways out", { timeout: 60_000 }, async () => {
    const reader = await Reader.readAll(atKilling("/fixtures/shapes?kind=hang"));
    const end = reader.control("longstream.end");
    expect(end).toMatchObject({ outcome: "failed", error: { code: "attempts-exhausted" } });
    expect(JSON.stringify(end)).toMatch(/checkpoints.*continue.*time limit/);
  });
});
