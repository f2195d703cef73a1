/** Owns the tests of reading a handler's own event stream. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Chunk, ChunkSource } from "./chunks.ts";
import { sseChunks } from "./sse-source.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An event as its lines in the log and its own id. */
type Read = readonly [lines: string, sourceId: string | null];

/** A stream as its handler writes it, and what of it is in the log. */
const streams: readonly (readonly [string, string, readonly Read[]])[] = [
  ["lines that end in LF", "data: a\n\ndata: b\n\n", [["data: a\n", null], ["data: b\n", null]]],
  ["lines that end in CR", "data: a\r\rdata: b\r\r", [["data: a\n", null], ["data: b\n", null]]],
  ["lines that end in CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", [["data: a\n", null], ["data: b\n", null]]],
  ["lines that end in all of them", "data: a\r\n\ndata: b\r\r\ndata: c\n\r", [["data: a\n", null], ["data: b\n", null], ["data: c\n", null]]],
  ["an event of several lines", "event: x\rdata: a\r\ndata: b\ndata\ndata:\n\n", [["event: x\ndata: a\ndata: b\ndata: \ndata: \n", null]]],
  ["text outside ASCII", "event: é\ndata: 😀é\n\ndata: 日本\n\n", [["event: é\ndata: 😀é\n", null], ["data: 日本\n", null]]],
  ["ids, which are kept apart", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: é😀\ndata: d\n\n", [["data: a\n", "1"], ["data: b\n", null], ["data: c\n", ""], ["data: d\n", "é😀"]]],
  ["an id with NUL, which is none", "id: 1\0\ndata: a\n\n", [["data: a\n", null]]],
  ["comments and retry, which are the gateway's", ": hi\nretry: 5\ndata: a\n: é\nretry: x\n\n:\n\nretry: 9\n\n", [["data: a\n", null]]],
  ["fields nobody knows", "note: é\ndata: a\ndatas: b\n data: c\n\n", [["data: a\n", null]]],
  ["one space behind the colon, and no more", "data:a\ndata:  b \nevent:x\n\n", [["event: x\ndata: a\ndata:  b \n", null]]],
  ["blocks without data, which are no events; an id alone counts for the next one", "event: x\n\nid: 3\n\ndata: a\n\n", [["data: a\n", "3"]]],
  ["an event of empty data", "data\n\ndata:\n\n", [["data: \n", null], ["data: \n", null]]],
  ["a byte order mark", "\uFEFFdata: a\n\ndata: \uFEFF\n\n", [["data: a\n", null], ["data: \uFEFF\n", null]]],
  ["an event that is not ended, which is dropped", "data: a\n\nid: 9\ndata: é\ndata: b\n", [["data: a\n", null]]],
  ["a line that is not ended", "data: a\n\ndata: b", [["data: a\n", null]]],
  ["nothing", "", []],
];

describe("an event stream", () => {
  test.each(streams)("of %s is the same events, cut at every byte", async (_, text, events) => {
    const bytes = encoder.encode(text);
    expect(await read(bytes)).toEqual(events);
    for (let at = 0; at <= bytes.length; at++) expect(await read(bytes.subarray(0, at), bytes.subarray(at))).toEqual(events);
    expect(await read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(events);
  });

  test("P2: of any of these is the same events, however it is cut", async () => {
    const whole = streams.filter(([name]) => !name.startsWith("a line") && !name.startsWith("an event that is not") && !name.startsWith("a byte order"));
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...whole]), fc.array(fc.nat(400), { maxLength: 12 }), async (chosen, at) => {
        const bytes = encoder.encode(chosen.map(([, text]) => `${text}\n\n`).join(""));
        const ends = at.toSorted((a, b) => a - b);
        const cut = [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
        expect(await read(...cut)).toEqual(chosen.flatMap(([, , events]) => events));
      }),
    );
  });

  test("gives an event as soon as its blank line is there", async () => {
    let asked = 0;
    const source = sseChunks({
      next: async () => {
        asked++;
        return chunkOf(encoder.encode(`data: ${asked}\n\nda`));
      },
      return: async () => undefined,
    });
    expect([shown((await source.next()).value), asked]).toEqual([["data: 1\n", null], 1]);
  });

  test("with bytes that are no UTF-8 has U+FFFD in their place", async () => {
    expect(await read(Uint8Array.of(...encoder.encode("data: "), 0xff, 10, 10))).toEqual([["data: \uFFFD\n", null]]);
  });

  test("that is returned ends the handler's body", async () => {
    const log: string[] = [];
    await sseChunks({ next: async () => ({ done: true, value: undefined }), return: async () => void log.push("ended") }).return();
    expect(log).toEqual(["ended"]);
  });
});

describe("P6: an event stream is refused", () => {
  const tooLarge = new LongstreamError("event-too-large", "Cannot read the handler's event stream: an event has over 1048320 characters");

  test("with a line that never ends, before it is kept", async () => {
    let asked = 0;
    const source = sseChunks({
      next: async () => chunkOf(encoder.encode(asked++ === 0 ? "data: " : "x".repeat(limits.frameBytes))),
      return: async () => undefined,
    });
    await expect(source.next()).rejects.toThrow(tooLarge);
    expect(asked).toBeLessThan(limits.maxEventBytes / limits.frameBytes + 3);
  });

  test("with an event whose lines never end", async () => {
    const line = encoder.encode(`data: ${"x".repeat(1_000)}\n`);
    await expect(read(...Array.from({ length: 1_100 }, () => line))).rejects.toThrow(tooLarge);
  });

  test("with an event that is over the limit in bytes, though not in characters", async () => {
    const data = encoder.encode(`data: ${"é".repeat(limits.maxEventBytes / 2)}\n\n`);
    await expect(read(...cutInto(data, limits.frameBytes))).rejects.toThrow(
      new LongstreamError("event-too-large", "Cannot write an event of 1048327 bytes: the limit is 1048320; split it, or send a link to it"),
    );
  });

  test("with an id over maxSourceIdBytes", async () => {
    await expect(read(encoder.encode(`id: ${"x".repeat(1_025)}\ndata: a\n\n`))).rejects.toThrow(
      new LongstreamError("bad-event", "Cannot keep an event id of 1025 bytes: the limit is 1024"),
    );
  });

  test("with an event named like the gateway's own", async () => {
    await expect(read(encoder.encode("event: longstream.end\ndata: a\n\n"))).rejects.toThrow(LongstreamError);
  });

  test("and not with comments, or events without a bound in number", async () => {
    const comment = encoder.encode(`:${"x".repeat(limits.frameBytes - 1)}`);
    const event = encoder.encode(`\ndata: ${"y".repeat(1_000)}\n\n`);
    expect(await read(...Array.from({ length: 20 }, () => comment), ...Array.from({ length: 1_200 }, () => event))).toHaveLength(1_200);
  });

  test("and the events before the one at fault go out", async () => {
    const source = sseChunks(sourceOf(encoder.encode("data: a\n\ndata: b\n\ndata: "), ...cutInto(new Uint8Array(2 * limits.maxEventBytes).fill(97), limits.frameBytes)));
    expect([shown((await source.next()).value), shown((await source.next()).value)]).toEqual([["data: a\n", null], ["data: b\n", null]]);
    await expect(source.next()).rejects.toThrow(tooLarge);
  });
});

test("P2: the events that came in one piece with an over-large one go out before it is refused", async () => {
  const source = sseChunks(sourceOf(encoder.encode(`data: a\n\ndata: b\n\ndata: ${"x".repeat(limits.maxEventBytes)}`), encoder.encode("\n\n")));
  expect([shown((await source.next()).value), shown((await source.next()).value)]).toEqual([["data: a\n", null], ["data: b\n", null]]);
  await expect(source.next()).rejects.toMatchObject({ code: "event-too-large" });
});

test("P3: a body that breaks rejects with its own error", async () => {
  const source = sseChunks({ next: async () => Promise.reject(new TypeError("upstream was gone")), return: async () => undefined });
  await expect(source.next()).rejects.toThrow(new TypeError("upstream was gone"));
});

const chunkOf = (payload: Uint8Array): IteratorResult<Chunk, unknown> => ({ done: false, value: { payload, sourceId: null } });

function sourceOf(...pieces: readonly Uint8Array[]): ChunkSource {
  const payloads = pieces.map((payload) => ({ payload, sourceId: null })).values();
  return { next: async () => payloads.next(), return: async () => undefined };
}

function cutInto(bytes: Uint8Array, length: number): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) => bytes.subarray(index * length, (index + 1) * length));
}

async function read(...pieces: readonly Uint8Array[]): Promise<readonly Read[]> {
  const source = sseChunks(sourceOf(...pieces));
  const events: Read[] = [];
  for (let step = await source.next(); step.done !== true; step = await source.next()) events.push(shown(step.value));
  return events;
}

function shown(chunk: unknown): Read {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a step that is not done has a chunk
  const { payload, sourceId } = chunk as Chunk;
  return [decoder.decode(payload), sourceId];
}
