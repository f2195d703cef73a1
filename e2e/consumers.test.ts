/** Readers: the open response survives whatever happens behind the Worker, and a slow one costs a cursor (P5, P6). */

import { describe, expect, test } from "vitest";
import { HandProducer, openSilent } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({ fixtures: ["silent", "shapes"], vars: { HEARTBEAT_MS: 500 } });
const at = (path: string): URL => new URL(path, stack.current.url);
const event = (n: number): string => `data: {"n":${n}}\n`;

describe("P5 survives: one open response goes on, gapless", () => {
  test.each(["hibernate", "close"] as const)("P5: the object evicted (%s) under an idle stream with readers", async (sockets) => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const second = await Reader.open(at(`/streams/${dialled.streamId}`));
    let producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, [event(1), event(2)]);
    await Promise.all([reader.seen(2), second.seen(2), producer.acked(2)]);
    for (let seq = 3; seq <= 9; seq += 2) {
      await stack.current.worker.evict(dialled.streamId, sockets);
      if (sockets === "close") {
        await producer.closed;
        producer = await HandProducer.welcome(stack.current, dialled);
        expect((await producer.received("welcome")).resume).toMatchObject({ seq: seq - 1 });
      }
      producer.sendEvents(seq, [event(seq), event(seq + 1)]);
      await producer.acked(seq + 1);
    }
    producer.tell({ type: "end", seq: 10, outcome: "completed", error: null });
    for (const { ended, numbers } of [reader, second].map((each) => ({ ended: each.ended, numbers: () => each.numbers }))) {
      expect(await ended).toBe("clean");
      expect(numbers()).toEqual(upTo(10));
    }
  });

  test("P5: the object evicted and aborted again and again under a running stream", async () => {
    const reader = await Reader.open(at("/api/count?n=120&intervalMs=15"));
    for (const after of [10, 30, 50, 70, 90]) {
      await reader.seen(after);
      if (after % 20 === 10) await stack.current.worker.abort(reader.streamId);
      else await stack.current.worker.evict(reader.streamId, "close");
    }
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(120));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(1);
  });

  test("P5: workerd restarted: the reader is aborted, and its cursor goes on", async () => {
    const reader = await Reader.open(at("/api/count?n=100&intervalMs=30"));
    await reader.seen(10);
    await stack.current.worker.restart();
    expect(await reader.ended).toBe("aborted");
    const rest = await Reader.readAll(at("/api/count?n=100&intervalMs=30"), { cursor: reader.cursor ?? "" });
    expect([...reader.numbers, ...rest.numbers]).toEqual(upTo(100));
    expect(await rest.ended).toBe("clean");
  });
});

describe("hibernation", () => {
  test("the object forgets nothing a reader needs: credit and place are there after it", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    // Past the consumer window, so that credit granted before and after hibernation is what lets it through.
    const filler = "f".repeat(30_000);
    let seq = 0;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 4; i++) {
        seq++;
        producer.sendEvents(seq, [`data: {"n":${seq},"f":"${filler}"}\n`]);
        await producer.acked(seq);
      }
      await reader.seen(seq);
      await stack.current.worker.evict(dialled.streamId, "hibernate");
    }
    producer.tell({ type: "end", seq, outcome: "completed", error: null });
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(seq));
  });

  test("a reader that leaves changes nothing (P8) and is gone from the status", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, [event(1)]);
    await reader.seen(1);
    expect((await statusOf(stack.current.url, dialled.streamId)).consumers).toBe(1);
    reader.leave();
    const status = await waitForStatus(stack.current.url, dialled.streamId, ({ consumers }) => consumers === 0);
    expect(status).toMatchObject({ phase: "live", outcome: null });
    producer.crash();
  });
});

describe("P6 bounded", () => {
  test("P6: a reader that stops reading holds nobody up, and gets everything once it reads again", async () => {
    const total = 300;
    const stalled = await fetch(at(`/api/count?n=${total}&intervalMs=0&size=20000`), { headers: { accept: "text/event-stream" } });
    const id = stalled.headers.get("stream-id") ?? "";
    const other = await Reader.readAll(at(`/streams/${id}`));
    expect(other.numbers).toEqual(upTo(total));
    expect(await other.ended).toBe("clean");
    const text = await stalled.text();
    const numbers = [...text.matchAll(/^data: \{"n":(\d+)/gm)].map(([, n]) => Number(n));
    expect(numbers).toEqual(upTo(total));
    expect(text.endsWith(`event: longstream.end\ndata: {"outcome":"completed"}\nid: ${id}-${total}\n\n`)).toBe(true);
  });
});
