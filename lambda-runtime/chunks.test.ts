/** Owns the tests of the chunks a body is cut into. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { byteChunks, emptySource, streamSource } from "./chunks.ts";
import type { ChunkSource, Source } from "./chunks.ts";

const encoder = new TextEncoder();

describe("the chunks of a body", () => {
  test.each<[string, unknown, readonly number[]]>([
    ["bytes", Uint8Array.of(1, 2), [1, 2]],
    ["a view of a part of a buffer", Uint8Array.of(1, 2, 3, 4).subarray(1, 3), [2, 3]],
    ["a Node buffer", Buffer.from("ab"), [97, 98]],
    ["a view of larger numbers", Uint16Array.of(0x01_02), [2, 1]],
    ["a data view", new DataView(Uint8Array.of(1, 2, 3).buffer, 1), [2, 3]],
    ["an array buffer", Uint8Array.of(1, 2).buffer, [1, 2]],
    ["text, in UTF-8", "é😀", [0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]],
  ])("may be %s", async (_, chunk, expected) => {
    const chunks = await drain(byteChunks(sourceOf(chunk)));
    expect(chunks.map((payload) => [...payload])).toEqual([expected]);
  });

  test("have no id of their own", async () => {
    expect(await byteChunks(sourceOf("a")).next()).toEqual({ done: false, value: { payload: encoder.encode("a"), sourceId: null } });
  });

  test("that are empty are left out, also at the end", async () => {
    const chunks = await drain(byteChunks(sourceOf("", new Uint8Array(0), "a", new ArrayBuffer(0), "b", "")));
    expect(chunks).toEqual([encoder.encode("a"), encoder.encode("b")]);
  });

  test.each<[string, unknown, string]>([
    ["a number", 7, "number"],
    ["null", null, "null"],
    ["undefined", undefined, "undefined"],
    ["an object", { data: "a" }, "[object Object]"],
    ["a list of numbers", [1, 2], "[object Array]"],
  ])("may not be %s, and what came before goes out", async (_, chunk, name) => {
    const chunks = byteChunks(sourceOf("a", chunk));
    expect(await chunks.next()).toMatchObject({ done: false });
    await expect(chunks.next()).rejects.toThrow(
      new LongstreamError("bad-handler-result", `Cannot stream a chunk of the body (${name}): a body is bytes or text`),
    );
  });

  test("are copies: a handler may write into its buffer again", async () => {
    const buffer = Uint8Array.of(1, 2, 3);
    const view = await byteChunks(sourceOf(buffer)).next();
    const whole = await byteChunks(sourceOf(buffer.buffer)).next();
    buffer.fill(9);
    expect([view, whole].map(({ value }) => value)).toMatchObject([{ payload: Uint8Array.of(1, 2, 3) }, { payload: Uint8Array.of(1, 2, 3) }]);
  });

  test.each<[number, readonly number[]]>([
    [65_535, [65_535]],
    [65_536, [65_536]],
    [65_537, [65_536, 1]],
    [131_072, [65_536, 65_536]],
    [200_000, [65_536, 65_536, 65_536, 3_392]],
  ])("P6: of %d bytes are cut to what a frame takes", async (length, lengths) => {
    const body = Uint8Array.from({ length }, (_, index) => index % 251);
    const chunks = await drain(byteChunks(sourceOf(body)));
    expect(chunks.map((payload) => payload.length)).toEqual(lengths);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
  });

  test("are never joined, so that what comes goes out at once", async () => {
    expect((await drain(byteChunks(sourceOf("a", "b", "c")))).map((payload) => payload.length)).toEqual([1, 1, 1]);
  });

  test("P2: are the body, whatever its own chunks were", async () => {
    const chunk = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 1, max: 3 }).map((frames) => new Uint8Array(frames * limits.frameBytes - 1).fill(frames)));
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (body) => {
        const chunks = await drain(byteChunks(sourceOf(...body)));
        expect(Buffer.concat(chunks).equals(Buffer.concat(body))).toBe(true);
        expect(chunks.every(({ length }) => length > 0 && length <= limits.frameBytes)).toBe(true);
      }),
    );
  });

  test("P6: ask for the next one only when the last was taken whole", async () => {
    let asked = 0;
    const chunks = byteChunks({
      next: async () => ({ done: false, value: new Uint8Array(limits.frameBytes * 2).fill(++asked) }),
      return: async () => undefined,
    });
    const askedAfter: number[] = [];
    for (let i = 0; i < 5; i++) {
      await chunks.next();
      askedAfter.push(asked);
    }
    expect(askedAfter).toEqual([1, 1, 2, 2, 3]);
  });
});

describe("a stream as a source", () => {
  test("ends when it is cancelled, also for a read that waits", async () => {
    const log: unknown[] = [];
    const source = streamSource(new ReadableStream({ cancel: () => void log.push("cancelled") }));
    const waiting = source.next();
    await source.return();
    expect([await waiting, log]).toEqual([{ done: true, value: undefined }, ["cancelled"]]);
  });

  test("P3: rejects where the stream breaks", async () => {
    const source = streamSource(new ReadableStream({ start: (controller) => controller.error(new TypeError("broke")) }));
    await expect(source.next()).rejects.toThrow(new TypeError("broke"));
  });
});

test("a body that is not there has no chunk", async () => {
  expect(await drain(byteChunks(emptySource))).toEqual([]);
});

function sourceOf(...chunks: readonly unknown[]): Source<unknown> {
  const iterator = chunks.values();
  return { next: async () => iterator.next(), return: async () => undefined };
}

async function drain(chunks: ChunkSource): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) payloads.push(step.value.payload);
  return payloads;
}
