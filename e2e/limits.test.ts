/** Bounds that an operator sets: readers, size, time and stalls, each with a defined end (P6, P7). */

import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { HandProducer, invocationOf } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const region = "us-east-1";
const stack = useStack({
  fixtures: ["silent", "body"],
  routes: [
    { path: "/two-readers", kind: "events", function: "silent", region, settings: { maxConsumers: 2 } },
    { path: "/two-of-each", function: "body", region, settings: { maxConsumers: 2 } },
    { path: "/small-log", methods: ["GET"], kind: "events", function: "count", region, settings: { maxStreamBytes: 20_000 } },
    { path: "/short-life", kind: "events", function: "silent", region, settings: { maxDurationMs: 4_000, retentionMs: 1_000 } },
  ],
  vars: { HEARTBEAT_MS: 200, MAX_STALL_MS: 1_000, HEAD_TIMEOUT_MS: 500 },
});
const at = (path: string): URL => new URL(path, stack.current.url);

describe("P6 bounded", () => {
  test("P6: a reader past maxConsumers is told to come back, in a body an EventSource does not stop at", async () => {
    const first = await Reader.open(at("/two-readers"));
    const second = await Reader.open(at(`/streams/${first.streamId}`));
    await waitForStatus(stack.current.url, first.streamId, ({ consumers }) => consumers === 2);
    const third = await Reader.readAll(at(`/streams/${first.streamId}`));
    expect(third.response.status).toBe(200);
    expect(third.text).toBe(`: longstream\nretry: ${third.retryMs}\n\n`);
    expect(await third.ended).toBe("aborted");
    const other = await fetch(at(`/streams/${first.streamId}`));
    expect([other.status, await other.json()]).toMatchObject([503, { code: "too-many-readers" }]);
    second.leave();
    await waitForStatus(stack.current.url, first.streamId, ({ consumers }) => consumers === 1);
    const stored = await Reader.readAll(at(`/streams/${first.streamId}?live=false`));
    expect([await stored.ended, stored.text.includes("longstream")]).toEqual(["clean", true]);
    const again = await Reader.open(at(`/streams/${first.streamId}`));
    expect(again.response.status).toBe(200);
    await waitForStatus(stack.current.url, first.streamId, ({ consumers }) => consumers === 2);
    first.leave();
    again.leave();
  });

  test("P6: readers of what is stored are bounded as well, and take no place of those who follow", async () => {
    const made = await fetch(at("/two-of-each?kind=noise&size=60000000"));
    const id = made.headers.get("stream-id") ?? "";
    await made.arrayBuffer();
    // Who asked for it is gone, and is not taken for one of the two.
    await waitForStatus(stack.current.url, id, ({ consumers }) => consumers === 0);
    const stalled = Array.from({ length: 2 }, () => {
      const socket = connect(Number(stack.current.url.port), stack.current.url.hostname);
      socket.on("error", () => undefined);
      socket.write(`GET /streams/${id}?live=false HTTP/1.1\r\nhost: gateway\r\n\r\n`);
      return socket.pause();
    });
    await waitForStatus(stack.current.url, id, ({ consumers }) => consumers === 2);
    const third = await fetch(at(`/streams/${id}?live=false`));
    const follower = await fetch(at(`/streams/${id}`));
    expect([third.status, follower.status]).toEqual([503, 200]);
    await Promise.all([third.body?.cancel(), follower.body?.cancel()]);
    for (const socket of stalled) socket.destroy();
  });

  test("P6: a log past maxStreamBytes fails the stream with its size; what is stored stays readable", async () => {
    const reader = await Reader.readAll(at("/small-log?n=100000&intervalMs=0"));
    const end = reader.control("longstream.end");
    expect(end).toMatchObject({ outcome: "failed", error: { code: "stream-too-large", message: expect.stringContaining("maxStreamBytes is 20000") } });
    expect(reader.numbers).toEqual(upTo(reader.numbers.length));
    const stored = await Reader.readAll(at(`/streams/${reader.streamId}?live=false`));
    expect(stored.numbers).toEqual(reader.numbers);
  });

  test("P6: a reader that does not read is aborted after MAX_STALL_MS, and others are not held up", async () => {
    const response = await fetch(at("/api/count?n=2000&intervalMs=0&size=20000"), { headers: { accept: "text/event-stream" } });
    const id = response.headers.get("stream-id") ?? "";
    const other = await Reader.readAll(at(`/streams/${id}`));
    expect(other.numbers).toEqual(upTo(2_000));
    await waitForStatus(stack.current.url, id, ({ consumers }) => consumers === 0);
    await expect(response.text()).rejects.toThrow("terminated");
    const rest = await Reader.readAll(at(`/streams/${id}?from=1999`));
    expect(rest.numbers).toEqual([2_000]);
  });
});

describe("P7 alive-or-told", () => {
  test("P7: a stream past maxDurationMs expires, whoever still produces; after retentionMs it is gone for good", async () => {
    const reader = await Reader.open(at("/short-life"));
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, reader.streamId, 1));
    producer.sendEvents(1, ['data: {"n":1}\n']);
    await producer.received("cancel");
    expect(await reader.ended).toBe("aborted");
    expect(reader.numbers).toEqual([1]);
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "expired", error: { code: "expired" } });
    await waitFor("the log to be removed", async () => {
      const { status, body } = await fetch(at(`/streams/${reader.streamId}/status`));
      await body?.cancel();
      return status === 404 ? true : undefined;
    });
    const again = await HandProducer.knock(stack.current, await invocationOf(stack.current, reader.streamId, 1)).catch((error: unknown) => String(error));
    expect(again).toContain("refused with 404");
    expect((await fetch(at(`/streams/${reader.streamId}`))).status).toBe(404);
    expect(await stack.current.worker.sql(reader.streamId, "SELECT name FROM sqlite_master WHERE name IN ('log', 'record', 'request')")).toEqual([]);
  });

  test("P7: a head that does not come in time is a 504 that names the stream; an EventSource is told to come back to it", async () => {
    const [plain, source] = await Promise.all(
      ["application/json", "text/event-stream"].map(async (accept) => fetch(at("/answers/silent"), { headers: { accept } })),
    );
    expect([plain?.status, await plain?.json()]).toMatchObject([504, { code: "head-timeout" }]);
    const id = plain?.headers.get("stream-id") ?? "";
    expect(await statusOf(stack.current.url, id)).toMatchObject({ phase: "pending", mode: null, outcome: null });
    expect(source?.status).toBe(200);
    await expect(source?.text()).rejects.toThrow("terminated");
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, id, 1));
    producer.tell({ type: "head", status: 200, headers: [], mode: "events" });
    producer.sendEvents(1, ['data: {"n":1}\n']);
    const late = await Reader.open(at(`/streams/${id}`));
    await late.seen(1);
    late.leave();
  });

  test("settings of a route hold for its streams, and for no others", async () => {
    const [bounded, free] = await Promise.all(["/small-log", "/api/count"].map(async (path) => Reader.readAll(at(`${path}?n=5000&intervalMs=0`))));
    expect((await statusOf(stack.current.url, bounded?.streamId ?? "")).error?.code).toBe("stream-too-large");
    expect(await statusOf(stack.current.url, free?.streamId ?? "")).toMatchObject({ outcome: "completed", lastSeq: 5_000 });
  });
});
