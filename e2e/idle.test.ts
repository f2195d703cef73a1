/** Streams on which nothing happens: what they cost, and what they do when nobody reads them (P8, P9). */

import { describe, expect, test } from "vitest";
import { HandProducer, invocationOf } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const region = "us-east-1";
const heartbeatMs = 100;
/** The runtime takes an object from memory after ten seconds without anything to do. */
const beatsOfSilence = 150;
const stack = useStack({
  fixtures: ["silent", "shapes"],
  routes: [
    // No alarm is due while the test runs.
    { path: "/long/silence", kind: "events", function: "silent", region, settings: { leaseMs: 600_000, attemptStartMs: 600_000 } },
    { path: "/given-up", kind: "events", function: "shapes", region, onAbandon: { cancelAfterMs: 1_000 } },
    { path: "/reloaded", kind: "events", function: "silent", region, onAbandon: { cancelAfterMs: 20_000 } },
  ],
  vars: { HEARTBEAT_MS: heartbeatMs },
});
const at = (path: string): URL => new URL(path, stack.current.url);
const event = (n: number): string => `data: {"n":${n}}\n`;

describe("P9 cheap", () => {
  test("P9: the object of a silent stream with 50 readers sleeps from event to event, and heartbeats do not wake it", { timeout: 120_000 }, async () => {
    const first = await Reader.open(at("/long/silence"));
    const id = first.streamId;
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, id, 1));
    const readers = [first, ...(await Promise.all(Array.from({ length: 49 }, async () => Reader.open(at(`/streams/${id}`)))))];
    await waitForStatus(stack.current.url, id, ({ consumers }) => consumers === 50);
    const constructed: number[] = [];
    for (let round = 1; round <= 3; round++) {
      producer.sendEvents(round, [event(round)]);
      await Promise.all(readers.map(async (reader) => reader.seen(round)));
      const awake = await stack.current.worker.constructions(id);
      constructed.push(awake);
      const before = readers.map(({ comments }) => comments.length);
      await Promise.all(
        readers.map(async (reader, index) => reader.until(() => reader.comments.length >= (before[index] ?? 0) + beatsOfSilence, "heartbeats")),
      );
      expect(await stack.current.worker.constructions(id)).toBe(awake);
    }
    expect(constructed).toEqual([1, 2, 3]);
    for (const reader of readers) reader.leave();
  });
});

describe("P8 stop-is-not-disconnect", () => {
  test("P8: by default a stream nobody reads goes on to its end", async () => {
    const reader = await Reader.open(at("/api/count?n=100&intervalMs=10"));
    await reader.seen(3);
    reader.leave();
    expect(await waitForStatus(stack.current.url, reader.streamId, ({ phase }) => phase === "ended")).toMatchObject({ outcome: "completed", lastSeq: 100 });
  });

  test("P8: onAbandon cancels a stream whose last reader has left, and its handler's signal says so", async () => {
    const first = await Reader.open(at("/given-up?kind=hang"));
    await first.seen(1);
    const second = await Reader.open(at(`/streams/${first.streamId}`));
    await second.seen(1);
    first.leave();
    await waitForStatus(stack.current.url, first.streamId, ({ consumers }) => consumers === 1);
    expect((await statusOf(stack.current.url, first.streamId)).outcome).toBeNull();
    second.leave();
    const { error } = await waitForStatus(stack.current.url, first.streamId, ({ outcome }) => outcome === "cancelled");
    expect(error).toEqual({ code: "cancelled", message: "nobody reads it any more" });
    await waitFor("the invocation to end", () => {
      const own = stack.current.lambda.invocations().filter(({ payload }) => JSON.stringify(payload).includes(first.streamId));
      return own.every(({ outcome }) => outcome === "success") ? true : undefined;
    });
  });

  test("P8: a page that reloads within the grace cancels nothing", async () => {
    const first = await Reader.open(at("/reloaded"));
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, first.streamId, 1));
    producer.sendEvents(1, [event(1)]);
    await first.seen(1);
    first.leave();
    await waitForStatus(stack.current.url, first.streamId, ({ consumers }) => consumers === 0);
    const [stored] = await stack.current.worker.sql(first.streamId, "SELECT json FROM record WHERE key = 5");
    expect(JSON.parse(String(stored?.["json"]))).toEqual({ abandonAt: expect.any(Number) });
    const again = await Reader.open(at("/reloaded"), { cursor: first.cursor ?? "" });
    expect(again.streamId).toBe(first.streamId);
    producer.sendEvents(2, [event(2)]);
    await again.seen(1);
    const [after] = await stack.current.worker.sql(first.streamId, "SELECT json FROM record WHERE key = 5");
    expect(JSON.parse(String(after?.["json"]))).toEqual({ abandonAt: null });
    producer.tell({ type: "end", seq: 2, outcome: "completed", error: null });
    expect([await again.ended, ...again.numbers]).toEqual(["clean", 2]);
  });

  test("P8: a stream that was made without a reader waits for its first one", async () => {
    const accepted = await fetch(at("/given-up?kind=fields"), { headers: { prefer: "respond-async" } });
    const id = accepted.headers.get("stream-id") ?? "";
    await accepted.body?.cancel();
    expect(await waitForStatus(stack.current.url, id, ({ phase }) => phase === "ended")).toMatchObject({ outcome: "completed" });
    const stored = await stack.current.worker.sql(id, "SELECT json FROM record WHERE key = 5");
    expect(stored).toEqual([]);
  });

  test("P8: readers lost with the object's memory have the grace to come back", async () => {
    const first = await Reader.open(at("/given-up?kind=hang"));
    await first.seen(1);
    stack.current.clients.drop(first.streamId);
    await stack.current.worker.evict(first.streamId, "close");
    const { error } = await waitForStatus(stack.current.url, first.streamId, ({ phase }) => phase === "ended");
    expect(error).toMatchObject({ code: "cancelled" });
  });
});

describe("cost", () => {
  test("what a stream cost survives its object's sleep and is counted on", async () => {
    const reader = await Reader.open(at("/long/silence"));
    const id = reader.streamId;
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, id, 1));
    for (let n = 1; n <= 3; n++) {
      producer.sendEvents(n, [event(n)]);
      await producer.acked(n);
    }
    const before = (await statusOf(stack.current.url, id)).cost;
    await stack.current.worker.evict(id, "hibernate");
    producer.sendEvents(4, [event(4)]);
    await producer.acked(4);
    const after = (await statusOf(stack.current.url, id)).cost;
    expect(after).toMatchObject({ commits: before.commits + 1, rowsWritten: before.rowsWritten + 1, messagesIn: before.messagesIn + 1 });
    producer.tell({ type: "end", seq: 4, outcome: "completed", error: null });
    await reader.ended;
    expect(reader.numbers).toEqual(upTo(4));
  });
});
