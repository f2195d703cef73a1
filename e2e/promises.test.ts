/** P1, P2 and P3 of the service, each with faults at the moment it is about. */

import { describe, expect, test } from "vitest";
import { HandProducer, invocationOf, openSilent } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({
  fixtures: ["silent", "shapes", "missing", "continuing"],
  routes: [
    { path: "/late/count", kind: "events", function: "count", region: "us-east-1", settings: { ticketMs: 1, attemptStartMs: 1_000 } },
    { path: "/rare/commits", kind: "events", function: "silent", region: "us-east-1", settings: { commitIntervalMs: 60_000 } },
  ],
});
const at = (path: string): URL => new URL(path, stack.current.url);

/** Any seed will do, and the same every time. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe("P1 durable-before-visible", () => {
  test("P1: whatever a reader saw or a producer was acknowledged is stored when workerd is killed at that moment", async () => {
    const random = randomNumbers(1);
    for (let round = 0; round < 8; round++) {
      const { reader, ...dialled } = await openSilent(stack.current);
      const producer = await HandProducer.welcome(stack.current, dialled);
      const killAfter = 3 + Math.floor(random.next().value * 60);
      let sent = 0;
      for (; sent < killAfter; sent += 3) {
        producer.sendEvents(sent + 1, [1, 2, 3].map((i) => `data: {"n":${sent + i}}\n`));
        // Half of the rounds go on at once, so that the kill meets a commit under way.
        if (round % 2 === 0) await producer.acked(sent + 1);
      }
      await producer.acked(1);
      await reader.seen(1);
      await stack.current.worker.restart();
      const seen = reader.numbers.length;
      const acked = Math.max(...producer.messages.map((message) => (message.type === "ack" ? message.seq : 0)));
      const stored = await Reader.readAll(at(`/streams/${dialled.streamId}?live=false`));
      expect(stored.numbers).toEqual(upTo(stored.numbers.length));
      expect(stored.numbers.length).toBeGreaterThanOrEqual(Math.max(seen, acked));
      expect(reader.numbers).toEqual(upTo(seen));
      producer.crash();
    }
  });

  test("P1: events that were received and not committed are seen by nobody, and are asked for again", async () => {
    const reader = await Reader.open(at("/rare/commits"));
    const dialled = await invocationOf(stack.current, reader.streamId, 1);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, ['data: {"n":1}\n']);
    await producer.acked(1);
    producer.sendEvents(2, ['data: {"n":2}\n']);
    await waitForStatus(stack.current.url, dialled.streamId, ({ cost }) => cost.messagesIn === 2);
    expect(await storedNumbers(dialled.streamId)).toEqual([1]);
    await stack.current.worker.abort(dialled.streamId);
    expect(await storedNumbers(dialled.streamId)).toEqual([1]);
    expect((await producer.closed).code).toBe(1006);
    expect(producer.messages.filter(({ type }) => type === "ack")).toEqual([{ type: "ack", seq: 1, checkpoint: null }]);
    const again = await HandProducer.welcome(stack.current, dialled);
    expect((await again.received("welcome")).resume).toMatchObject({ seq: 1 });
    expect(reader.numbers).toEqual([1]);
    again.crash();
    reader.leave();
  });

  const storedNumbers = async (id: string): Promise<readonly number[]> => (await Reader.readAll(at(`/streams/${id}?live=false`))).numbers;
});

describe("P2 once-in-order", () => {
  test("P2: readers that are cut at random and return with their cursor see every event once, in order", async () => {
    const random = randomNumbers(2);
    const total = 400;
    const first = await Reader.open(at(`/api/count?n=${total}&intervalMs=4`));
    await first.seen(1);
    const follow = async (seed: number): Promise<readonly number[]> => {
      const own = randomNumbers(seed);
      const numbers: number[] = [];
      let cursor: string | undefined;
      for (;;) {
        const reader = await Reader.open(at(`/streams/${first.streamId}`), cursor === undefined ? {} : { cursor });
        if (reader.response.status === 204) return numbers;
        await Promise.race([reader.seen(1 + Math.floor(own.next().value * 80)), reader.ended]).catch(() => undefined);
        reader.leave();
        await reader.ended;
        numbers.push(...reader.numbers);
        cursor = reader.cursor ?? cursor;
      }
    };
    const all = await Promise.all(upTo(8).map(async () => follow(Math.floor(random.next().value * 1_000_000))));
    for (const numbers of all) expect(numbers).toEqual(upTo(total));
    await first.ended;
    expect(first.numbers).toEqual(upTo(total));
  });

  test("P2: a stream of 10,000 events at full speed arrives complete and in order ten times out of ten", async () => {
    for (let round = 0; round < 10; round++) {
      const reader = await Reader.readAll(at("/api/count?n=10000&intervalMs=0"));
      expect(reader.numbers).toEqual(upTo(10_000));
      expect(reader.control("longstream.end")).toEqual({ outcome: "completed" });
      expect(await reader.ended).toBe("clean");
    }
  });

  test("P2: readers that join at any moment of a running stream all end with the same bytes", async () => {
    const first = await Reader.open(at("/api/count?n=300&intervalMs=3"));
    const readers = [first];
    for (let count = 1; count < 300; count += 30) {
      await first.seen(count);
      readers.push(await Reader.open(at(`/streams/${first.streamId}`)));
    }
    const bodies = await Promise.all(readers.map(async (reader) => reader.ended.then(() => reader.text.replace(/retry: \d+/, "retry: N"))));
    expect(new Set(bodies).size).toBe(1);
    expect(first.numbers).toEqual(upTo(300));
  });
});

describe("P3 truthful-end", () => {
  test("P3: a stream that completed ends its body cleanly, after longstream.end", async () => {
    const reader = await Reader.readAll(at("/api/count?n=5&intervalMs=0"));
    expect([await reader.ended, reader.control("longstream.end")]).toEqual(["clean", { outcome: "completed" }]);
  });

  test("P3: a handler that throws gives outcome failed; longstream.end says why, and the body is aborted", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=throw"));
    expect(reader.messages.map(({ data }) => data)).toEqual(["one", "two"]);
    expect(reader.control("longstream.end")).toEqual({ outcome: "failed", error: { code: "handler-failed", message: "the handler broke" } });
    expect(await reader.ended).toBe("aborted");
    expect(await statusOf(stack.current.url, reader.streamId)).toMatchObject({ outcome: "failed", lastSeq: 2 });
  });

  test("P3: a client that asks for no control events sees the failure as a network error too", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=throw"), { accept: "*/*" });
    expect(reader.events.map(({ data }) => data)).toEqual(["one", "two"]);
    expect(await reader.ended).toBe("aborted");
  });

  test("P3: a reader that is cut off by the server is aborted, never ended", async () => {
    const reader = await Reader.open(at("/api/count?n=1000&intervalMs=10"));
    await reader.seen(3);
    stack.current.clients.drop(reader.streamId);
    expect(await reader.ended).toBe("aborted");
  });

  test("P3: a reader on a stream that is removed while it reads is aborted, never ended", async () => {
    const reader = await Reader.open(at("/api/count?n=1000&intervalMs=10"));
    await reader.seen(3);
    await fetch(at(`/streams/${reader.streamId}`), { method: "DELETE" });
    expect(await reader.ended).toBe("aborted");
  });

  test("P3: the outcome is stored in the commit of the last event: after a kill both are there or neither", async () => {
    for (let round = 0; round < 4; round++) {
      const reader = await Reader.open(at("/rare/commits"));
      const dialled = await invocationOf(stack.current, reader.streamId, 1);
      const producer = await HandProducer.welcome(stack.current, dialled);
      producer.sendEvents(1, ['data: {"n":1}\n']);
      await producer.acked(1);
      producer.sendEvents(2, ['data: {"n":2}\n']);
      producer.tell({ type: "end", seq: 2, outcome: "completed", error: null });
      await stack.current.worker.restart();
      const status = await statusOf(stack.current.url, dialled.streamId);
      expect(status.outcome).toBe(status.lastSeq === 2 ? "completed" : null);
      producer.crash();
      reader.leave();
    }
  });
});

describe("a failed invocation gives an outcome whose reason an operator can act on", () => {
  test.each([
    [403, "invoke-failed", "check the gateway's AWS keys"],
    [404, "invoke-failed", "check the route's function name"],
    [429, "attempts-exhausted", "the function's concurrency is used up"],
    [500, "attempts-exhausted", "Lambda has trouble"],
  ] as const)("%i", async (status, code, advice) => {
    // A function of its own: streams that other tests left behind are still being given attempts.
    stack.current.lambda.faults.refuseNext({ functionName: "continuing", status, times: 3 });
    const reader = await Reader.readAll(at("/fixtures/continuing?n=3&intervalMs=0"));
    stack.current.lambda.faults.disarm();
    const end = reader.control("longstream.end");
    expect(end).toMatchObject({ outcome: "failed", error: { code, message: expect.stringContaining(advice) } });
    expect(JSON.stringify(end)).toContain(`Lambda answered ${status}`);
    expect(await reader.ended).toBe("aborted");
  });

  test("a function that does not exist", async () => {
    const reader = await Reader.readAll(at("/fixtures/missing"));
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "invoke-failed" } });
    expect(JSON.stringify(reader.control("longstream.end"))).toContain("ResourceNotFoundException");
  });

  test("a function whose ticket is refused", async () => {
    const reader = await Reader.readAll(at("/late/count?n=3"));
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "attempts-exhausted" } });
    expect(JSON.stringify(reader.control("longstream.end"))).toContain("a refused ticket");
    await waitForStatus(stack.current.url, reader.streamId, ({ phase }) => phase === "ended");
  });
});
