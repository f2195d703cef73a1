/** Owns the proof that a connection that has died without a word is noticed, and one that is merely quiet is not. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openStream } from "./index.ts";
import type { Answering } from "./testing.ts";
import { bytes, ended, events, origin, readData, run, script, streamUrl } from "./testing.ts";

const beat = ":\n\n";
const retry = { minMs: 1, maxMs: 1 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** `chunks` at these milliseconds after the connection, which then stays open and silent. */
function timed(...chunks: readonly (readonly [atMs: number, text: string])[]): Answering {
  return () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const [atMs, text] of chunks) setTimeout(() => controller.enqueue(new TextEncoder().encode(text)), atMs);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream", "stream-url": streamUrl } });
  };
}

/** When each request was made. */
function clocked(answers: readonly Answering[]): { readonly fetch: ReturnType<typeof script>["fetch"]; readonly atMs: number[] } {
  const atMs: number[] = [];
  const began = Date.now();
  const { fetch } = script(...answers);
  return {
    atMs,
    fetch: async (url, init) => {
      atMs.push(Date.now() - began);
      return fetch(url, init);
    },
  };
}

const end = (seq: number): Answering => events([ended(seq, "completed")], "clean");

test("silence of three times the heartbeat that was observed ends a connection, and the next goes on behind the cursor", async () => {
  const { fetch, atMs } = clocked([timed([0, run(1, 1)], [1_000, beat], [2_000, beat + run(2, 2)]), end(2)]);
  const reading = readData(openStream(origin, { fetch, retry }));
  await vi.advanceTimersByTimeAsync(4_999);
  expect(atMs).toEqual([0]);
  await vi.advanceTimersByTimeAsync(10);
  expect(await reading).toEqual(["1", "2"]);
  expect(atMs).toEqual([0, 5_001]);
});

test("the longest heartbeat of a connection counts", async () => {
  const { fetch, atMs } = clocked([timed([0, run(1, 1)], [500, beat], [1_500, beat], [1_600, beat]), end(1)]);
  const reading = readData(openStream(origin, { fetch, retry }));
  await vi.advanceTimersByTimeAsync(1_600 + 2_999);
  expect(atMs).toEqual([0]);
  await vi.advanceTimersByTimeAsync(10);
  expect(await reading).toEqual(["1"]);
});

test("where no heartbeat was observed yet, the gateway's default is taken, and doubled each time it was in vain", async () => {
  const { fetch, atMs } = clocked([timed([0, run(1, 1)]), timed(), timed([0, ": longstream\n\n"], [100_000, beat], [200_000, beat]), end(1)]);
  const reading = readData(openStream(origin, { fetch, retry }));
  await vi.advanceTimersByTimeAsync(45_001 + 90_001 + 200_000 + 300_001);
  expect(await reading).toEqual(["1"]);
  expect(atMs).toEqual([0, 45_001, 135_002, 635_003]);
});

test("a heartbeat in a body's first chunk, or behind others in one go, is not taken for the measure", async () => {
  const { fetch, atMs } = clocked([events([`retry: 1000\n\n${beat}`], "cut"), timed([0, run(1, 1)], [1, beat + beat], [30_000, ended(1, "completed")])]);
  const reading = readData(openStream(origin, { fetch, retry }));
  await vi.advanceTimersByTimeAsync(40_000);
  expect(await reading).toEqual(["1"]);
  expect(atMs).toHaveLength(2);
});

test("a loop that takes its time over an event is no silence", async () => {
  const { fetch, atMs } = clocked([timed([0, run(1, 1)], [1_000, beat], [1_500, run(2, 2)], [2_500, run(3, 3) + ended(3, "completed")])]);
  const reading = (async () => {
    const seen: string[] = [];
    for await (const { data } of openStream(origin, { fetch, retry })) {
      seen.push(data);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }
    return seen;
  })();
  await vi.advanceTimersByTimeAsync(200_000);
  expect([await reading, atMs]).toEqual([["1", "2", "3"], [0]]);
});

/** Reads to the end; the page is busy with one event for a while, by the fake clock. */
async function readBusy(stream: ReturnType<typeof openStream>, busyWith: string, busyMs: number): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const { data } of stream) {
    seen.push(data);
    if (data === busyWith) await new Promise((resolve) => setTimeout(resolve, busyMs));
  }
  return seen;
}

test("what came while the page was busy does not make the heartbeat behind it a short one", async () => {
  const { fetch, atMs } = clocked([
    timed([0, run(1, 1)], [1_000, run(2, 2)], [16_000, beat], [31_000, beat], [40_000, run(3, 3) + ended(3, "completed")]),
  ]);
  const reading = readBusy(openStream(origin, { fetch, retry: { ...retry, tries: 1 } }), "1", 14_000);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([await reading, atMs]).toEqual([["1", "2", "3"], [0]]);
});

test("a heartbeat that lay there while the page was busy does not count as a long one", async () => {
  const { fetch, atMs } = clocked([timed([0, run(1, 1)], [1_000, run(2, 2)], [16_000, beat]), end(2)]);
  const reading = readBusy(openStream(origin, { fetch, retry }), "2", 60_000);
  await vi.advanceTimersByTimeAsync(110_000);
  expect(await reading).toEqual(["1", "2"]);
  expect(atMs).toEqual([0, 106_001]);
});

test("a body of bytes may be silent for as long as it likes, and nothing is left running behind a close", async () => {
  const { fetch, sent } = script(bytes("abc", "open"));
  const stream = openStream(origin, { fetch });
  const reading = (async () => {
    let count = 0;
    for await (const chunk of stream.bytes()) count += chunk.length;
    return count;
  })();
  await vi.advanceTimersByTimeAsync(10_000_000);
  stream.close();
  expect([await reading, sent.length, vi.getTimerCount()]).toEqual([3, 1, 0]);
});
