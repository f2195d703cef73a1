/** Producers come and go: the reader's one open response goes on from the last acknowledged event (P2, P4, P5, P7). */

import { describe, expect, test } from "vitest";
import { encodeDataFrame } from "../protocol/data-frame.ts";
import { emptyDigest } from "../protocol/hash.ts";
import { encodeMessage } from "../protocol/producer-messages.ts";
import type { Invocation } from "../bench/support/invocations.ts";
import { HandProducer, invocationOf, openSilent } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useRecords } from "./support/records.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const records = useRecords();
const region = "us-east-1";
const stack = useStack({
  fixtures: ["silent", "shapes", "crash", "continuing", "checkpointing", "diverging"],
  functionEnv: records.env,
  routes: [
    { path: "/quick/silent", kind: "events", function: "silent", region, settings: { attemptStartMs: 400, leaseMs: 1_000, redialMs: 200 } },
    { path: "/rare/silent", kind: "events", function: "silent", region, settings: { commitIntervalMs: 60_000 } },
    { path: "/short-lease/silent", kind: "events", function: "silent", region, settings: { leaseMs: 1_000 } },
    { path: "/quick/count", methods: ["GET"], kind: "events", function: "count", region, settings: { attemptStartMs: 1_500 } },
    { path: "/quick/init-fails", kind: "events", function: "init-fails", region, settings: { attemptStartMs: 1_000 } },
  ],
});
const at = (path: string): URL => new URL(path, stack.current.url);
const event = (n: number): string => `data: {"n":${n}}\n`;
const ofStream = (id: string) => stack.current.lambda.invocations().filter(({ payload }) => JSON.stringify(payload).includes(`"${id}"`));
/** How they ended, once all of that many have: an invocation outlives its stream a little. */
const outcomesOf = async (id: string, count: number) =>
  waitFor(`${count} invocations to end`, () => {
    const outcomes = ofStream(id).map(({ outcome }) => outcome);
    return outcomes.length === count && outcomes.every((outcome) => outcome !== "running" && outcome !== "queued") ? outcomes : undefined;
  });
const busyOf = (id: string) => (environment: { payload?: unknown }) => JSON.stringify(environment.payload ?? null).includes(`"${id}"`);

describe("a producer's socket", () => {
  test("P5: dropped again and again, it is dialled anew by the same attempt and loses nothing", async () => {
    const reader = await Reader.open(at("/api/count?n=200&intervalMs=10"));
    for (const after of [10, 60, 110, 160]) {
      await reader.seen(after);
      expect(stack.current.producers.drop(reader.streamId)).toBe(1);
    }
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(200));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(1);
    expect(await outcomesOf(reader.streamId, 1)).toEqual(["success"]);
  });

  test("P5: dropped at full speed, every event arrives once", async () => {
    const reader = await Reader.open(at("/api/count?n=60000&intervalMs=0"));
    for (const after of [1, 8_000, 20_000]) {
      await reader.seen(after);
      stack.current.producers.drop(reader.streamId);
    }
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(60_000));
  });

  test("P5: half-open, it is found within the lease, by either side, and the stream goes on", async () => {
    const reader = await Reader.open(at("/api/count?n=300&intervalMs=20"));
    await reader.seen(20);
    expect(stack.current.producers.blackhole(reader.streamId)).toBe(1);
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(300));
  });

  test("P7: a producer that falls silent with its socket open loses its lease to a new attempt", async () => {
    const { reader, ...dialled } = await openSilentAt("/short-lease/silent");
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, [event(1)]);
    producer.fallSilent();
    const next = await invocationOf(stack.current, dialled.streamId, 2);
    expect(await producer.closed).toMatchObject({ code: 4409 });
    const successor = await HandProducer.welcome(stack.current, next);
    expect((await successor.received("welcome")).resume).toMatchObject({ seq: 1 });
    successor.crash();
    reader.leave();
  });

  test("pings keep the lease and wake nobody", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    const before = await statusOf(stack.current.url, dialled.streamId);
    for (let i = 0; i < 50; i++) producer.sendRaw("ping");
    await waitFor("fifty pongs", () => (producer.pongs >= 50 ? true : undefined));
    expect((await statusOf(stack.current.url, dialled.streamId)).cost.messagesIn).toBe(before.cost.messagesIn);
    producer.crash();
    reader.leave();
  });

  const openSilentAt = async (path: string): Promise<{ reader: Reader } & Invocation> => {
    const reader = await Reader.open(at(path));
    return { reader, ...(await invocationOf(stack.current, reader.streamId, 1)) };
  };
});

describe("P4 fenced: once a newer attempt was welcomed, an older one's", () => {
  const late = {
    data: encodeDataFrame({ firstSeq: 2, digest: emptyDigest, sourceId: "", payloads: [new TextEncoder().encode(event(666))] }),
    end: encodeMessage({ type: "end", seq: 1, outcome: "completed", error: null }),
    checkpoint: encodeMessage({ type: "checkpoint", seq: 1, digest: emptyDigest, state: '"stale"' }),
    yield: encodeMessage({ type: "yield", seq: 1 }),
    handover: encodeMessage({ type: "handover" }),
  };
  test.each(Object.entries(late))("%s is refused", async (_what, message) => {
    const { reader, ...first } = await openSilent(stack.current);
    const older = await HandProducer.welcome(stack.current, first);
    older.sendEvents(1, [event(1)]);
    await older.acked(1);
    older.crash();
    const second = await invocationOf(stack.current, first.streamId, 2);
    const newer = await HandProducer.welcome(stack.current, second);
    const before = await statusOf(stack.current.url, first.streamId);
    const returned = await HandProducer.knock(stack.current, first);
    returned.sendRaw(message);
    expect(await returned.closed).toMatchObject({ code: 4409, reason: "attempt 2 has its producer" });
    const after = await statusOf(stack.current.url, first.streamId);
    expect([after.phase, after.attempt, after.lastSeq, after.cost.messagesIn]).toEqual(["live", 2, before.lastSeq, before.cost.messagesIn]);
    newer.sendEvents(2, [event(2)]);
    newer.tell({ type: "end", seq: 2, outcome: "completed", error: null });
    await reader.ended;
    expect(reader.numbers).toEqual([1, 2]);
    expect(await stack.current.worker.sql(first.streamId, "SELECT json FROM record WHERE key = 4")).toEqual([]);
  });
});

describe("P4 fenced: a checkpoint", () => {
  const storedCheckpoints = async (id: string) => stack.current.worker.sql(id, "SELECT json FROM record WHERE key = 4");

  test("announced by an attempt that died before its event is void for the next attempt's event of that seq", async () => {
    const { reader, ...first } = await openSilent(stack.current);
    const older = await HandProducer.welcome(stack.current, first);
    older.tell({ type: "checkpoint", seq: 2, digest: emptyDigest, state: '"of attempt 1"' });
    older.sendEvents(1, [event(1)]);
    await older.acked(1);
    older.crash();
    const newer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, first.streamId, 2));
    newer.sendEvents(2, [event(2)]);
    newer.tell({ type: "end", seq: 2, outcome: "completed", error: null });
    await reader.ended;
    expect(reader.numbers).toEqual([1, 2]);
    expect(await storedCheckpoints(first.streamId)).toEqual([]);
  });

  test("announced before its event is stored in the commit that makes the event durable", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.tell({ type: "checkpoint", seq: 2, digest: "00112233aabbccdd", state: '"here"' });
    producer.sendEvents(1, [event(1), event(2)]);
    await producer.received("ack", ({ seq, checkpoint }) => seq === 2 && checkpoint === 2);
    expect(await storedCheckpoints(dialled.streamId)).toEqual([{ json: '{"seq":2,"digest":"00112233aabbccdd","state":"\\"here\\""}' }]);
    producer.crash();
    const next = await HandProducer.welcome(stack.current, await invocationOf(stack.current, dialled.streamId, 2));
    expect((await next.received("welcome")).resume?.checkpoint).toEqual({ seq: 2, digest: "00112233aabbccdd", state: '"here"' });
    next.crash();
    reader.leave();
  });
});

describe("P4 fenced: an invocation", () => {
  test("delivered twice is acknowledged nothing of what the first delivery's run sent, and its dial commits", async () => {
    const reader = await Reader.open(at("/rare/silent"));
    const dialled = await invocationOf(stack.current, reader.streamId, 1);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, [event(1)]);
    await producer.acked(1);
    producer.sendEvents(2, [event(2)]);
    await waitForStatus(stack.current.url, dialled.streamId, ({ cost }) => cost.messagesIn === 2);
    const twin = await HandProducer.knock(stack.current, dialled, "delivered-again");
    expect(await twin.closed).toMatchObject({ code: 4409, reason: "attempt 1 has its producer" });
    expect(twin.messages).toEqual([]);
    await producer.acked(2);
    producer.crash();
    reader.leave();
  });

  test("delivered twice yields one producer and one quiet exit", async () => {
    stack.current.lambda.faults.duplicateNext({ functionName: "count" });
    const reader = await Reader.readAll(at("/api/count?n=50&intervalMs=20"));
    expect(reader.numbers).toEqual(upTo(50));
    expect(await outcomesOf(reader.streamId, 2)).toEqual(["success", "success"]);
    expect(new Set(ofStream(reader.streamId).map(({ requestId }) => requestId)).size).toBe(1);
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(1);
  });

  test("that starts after its successor exits quietly", async () => {
    stack.current.lambda.faults.delayNext({ functionName: "count", delayMs: 3_000 });
    const reader = await Reader.readAll(at("/quick/count?n=150&intervalMs=20"));
    expect(reader.numbers).toEqual(upTo(150));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(2);
    expect(await outcomesOf(reader.streamId, 2)).toEqual(["success", "success"]);
  });

  test("frozen with its socket open and thawed during another stream writes nothing to either", async () => {
    const reader = await Reader.open(at("/api/count?n=60&intervalMs=20"));
    await reader.seen(10);
    expect(stack.current.lambda.faults.freeze(busyOf(reader.streamId))).toHaveLength(1);
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(60));
    const before = await statusOf(stack.current.url, reader.streamId);
    expect(before).toMatchObject({ attempt: 2, lastSeq: 60, outcome: "completed" });
    const other = await Reader.open(at("/api/count?n=60&intervalMs=20"));
    await other.seen(10);
    expect(stack.current.lambda.faults.thaw(busyOf(reader.streamId))).toHaveLength(1);
    await other.ended;
    expect(other.numbers).toEqual(upTo(60));
    const quiet = await waitFor("the thawed invocation to end", () => ofStream(reader.streamId).find(({ outcome }) => outcome !== "running"));
    expect(quiet.outcome).toBe("success");
    await waitFor("all of it to end", () => (ofStream(reader.streamId).every(({ outcome }) => outcome === "success") ? true : undefined));
    expect(await statusOf(stack.current.url, reader.streamId)).toMatchObject({ attempt: 2, lastSeq: 60, outcome: "completed" });
    const replayed = await Reader.readAll(at(`/streams/${reader.streamId}`));
    expect(replayed.numbers).toEqual(upTo(60));
  });
});

describe("recovery", () => {
  test.each(["exit", "reject", "kill"])("P5: a Lambda that dies by %s is replaced; the reader sees a pause", async (how) => {
    const reader = await Reader.readAll(at(`/fixtures/crash?how=${how}&n=20&at=8`));
    expect(reader.numbers).toEqual(upTo(20));
    expect(await reader.ended).toBe("clean");
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(2);
  });

  test("P5: an event that was produced and not sent when the Lambda died is produced again", async () => {
    const reader = await Reader.readAll(at("/fixtures/crash?how=kill&n=20&at=8&flush=no"));
    expect(reader.numbers).toEqual(upTo(20));
  });

  test("P7: three attempts without a new event end the stream with the last reason and the ways out", async () => {
    const reader = await Reader.readAll(at("/fixtures/crash?how=exit&n=20&at=4&times=9"));
    expect(reader.numbers).toEqual(upTo(4));
    const end = reader.control("longstream.end");
    expect(end).toMatchObject({ outcome: "failed", error: { code: "attempts-exhausted" } });
    expect(JSON.stringify(end)).toMatch(/attempt 4 lost its socket.*checkpoints.*continue.*time limit/);
    expect(await reader.ended).toBe("aborted");
  });

  test("P7: a function that fails at start ends the stream with a reason that names the log", async () => {
    const reader = await Reader.readAll(at("/quick/init-fails"));
    expect(JSON.stringify(reader.control("longstream.end"))).toMatch(/attempt 3 was invoked and did not dial in within 1000 ms: look in the function's log/);
    expect(await outcomesOf(reader.streamId, 3)).toEqual(["init-error", "init-error", "init-error"]);
  });

  test("an Invoke that is refused for now is tried again", async () => {
    stack.current.lambda.faults.refuseNext({ functionName: "count", status: 429, times: 2 });
    const reader = await Reader.readAll(at("/api/count?n=5&intervalMs=0"));
    expect(reader.numbers).toEqual(upTo(5));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(3);
  });
});

describe("resume in handlers", () => {
  test("the token example carries on its text in mid-sentence", async () => {
    // Seconds long: the kill must not come behind the end, however late this process is.
    const path = "/api/tokens?prompt=Why+do+streams+break&tokensPerSecond=40&maxTokens=150";
    const whole = await Reader.readAll(at(path));
    const reader = await Reader.open(at(path));
    await reader.seen(10);
    expect(stack.current.lambda.faults.kill(busyOf(reader.streamId))).toHaveLength(1);
    expect(await reader.ended).toBe("clean");
    expect(reader.messages.map(({ data }) => data)).toEqual(whole.messages.map(({ data }) => data));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(2);
  });

  test("continue: the successor gets durable seq, source id and history, and produces only what follows", async () => {
    const reader = await Reader.open(at("/fixtures/continuing?n=150&intervalMs=20&history=yes"));
    await reader.seen(10);
    stack.current.lambda.faults.kill(busyOf(reader.streamId));
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(150));
    const [, second] = records.of(reader.streamId).filter(({ finally: over }) => over === undefined);
    const seq = Number(second?.["resume"]);
    expect(seq).toBeGreaterThanOrEqual(10);
    expect(second).toMatchObject({ attempt: 2, found: seq, sourceId: `source-${seq}`, last: `{"n":${seq},"attempt":1}` });
  });

  test("replay: with a checkpoint the handler goes on from its event, and what is durable behind it is dropped", async () => {
    const reader = await Reader.readAll(at("/fixtures/checkpointing?n=30&at=18"));
    expect(reader.numbers).toEqual(upTo(30));
    expect(records.of(reader.streamId)).toEqual([
      { stream: reader.streamId, attempt: 1, start: 0, resume: null },
      { stream: reader.streamId, attempt: 2, start: 15, resume: 18 },
    ]);
  });

  test.each(["other", "shorter"])("replay: a handler that answers %s than what is stored fails with replay-diverged, and the log stays", async (how) => {
    const reader = await Reader.readAll(at(`/fixtures/diverging?how=${how}`));
    expect(reader.numbers).toEqual(upTo(5));
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "replay-diverged" } });
    expect(await statusOf(stack.current.url, reader.streamId)).toMatchObject({ lastSeq: 5, attempt: 2 });
  });

  test("a checkpoint over 256 KiB is refused in the handler, with its size", async () => {
    const reader = await Reader.readAll(at("/fixtures/checkpointing?n=30&at=99&large=yes"));
    expect(reader.numbers).toEqual(upTo(5));
    expect(reader.control("longstream.end")).toMatchObject({
      error: { code: "checkpoint-too-large", message: expect.stringContaining("300002 bytes") },
    });
  });
});

describe("P8 cancel", () => {
  test("P8: reaches the handler's signal, and the invocation ends with success", async () => {
    const reader = await Reader.open(at("/fixtures/shapes?kind=hang"));
    await reader.seen(1);
    await fetch(at(`/streams/${reader.streamId}/cancel`), { method: "POST" });
    expect(await reader.ended).toBe("clean");
    const ended = await waitFor("the invocation to end", () => ofStream(reader.streamId).find(({ outcome }) => outcome !== "running"));
    expect(ended.outcome).toBe("success");
  });

  test("P8: before the first event, while the attempt is awaited: a later dial is fenced", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const response = await fetch(at(`/streams/${dialled.streamId}/cancel`), { method: "POST" });
    expect(await response.json()).toMatchObject({ phase: "ended", outcome: "cancelled" });
    expect(await reader.ended).toBe("clean");
    const producer = await HandProducer.knock(stack.current, dialled);
    expect(await producer.closed).toMatchObject({ code: 4409, reason: "the stream has ended: cancelled" });
  });

  test("P8: while detached: the run that dials again is fenced", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.crash();
    await waitForStatus(stack.current.url, dialled.streamId, ({ phase }) => phase === "detached");
    await fetch(at(`/streams/${dialled.streamId}/cancel`), { method: "POST" });
    const again = await HandProducer.knock(stack.current, dialled);
    expect((await again.closed).code).toBe(4409);
    await reader.ended;
  });

  test("P8: one that names another attempt changes nothing", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const response = await fetch(at(`/streams/${dialled.streamId}/cancel`), { method: "POST", body: '{"attempt":7}' });
    expect(await response.json()).toMatchObject({ phase: "pending", outcome: null });
    reader.leave();
  });
});

test("a head other than the first one fails the stream; the same one again is taken", async () => {
  const accepted = await fetch(at("/answers/silent"), { headers: { prefer: "respond-async" } });
  const streamId = accepted.headers.get("stream-id") ?? "";
  const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, streamId, 1));
  const head = { type: "head", status: 200, headers: [], mode: "events" } as const;
  producer.tell(head);
  producer.tell(head);
  producer.sendEvents(1, [event(1)]);
  await producer.acked(1);
  producer.tell({ ...head, status: 201 });
  expect(await producer.closed).toMatchObject({ code: 1000, reason: expect.stringContaining("replay-diverged: Cannot go on with status 201") });
  const reader = await Reader.readAll(at(`/streams/${streamId}?from=0`));
  expect(await reader.ended).toBe("aborted");
  expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "replay-diverged" } });
});
