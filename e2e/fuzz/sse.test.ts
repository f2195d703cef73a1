/**
 * Fuzzing of the event stream that is written: random events, by way of the runtime, the wire and the log, in bodies of a real
 * HTTP server that are cut anywhere, to readers that are not of this project. A body has a hundred events, and each reader
 * reads it: every reader is given as many events as FUZZ_CASES says, in a hundredth of as many bodies.
 */

import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeEvent } from "../../lambda-runtime/events.ts";
import { decodeDataFrame, encodeDataFrame } from "../../protocol/data-frame.ts";
import { eventStreamHeaders } from "../../protocol/http.ts";
import { emptyDigest } from "../../protocol/hash.ts";
import { formatCursor } from "../../protocol/cursor.ts";
import { Batch } from "../../worker/batch.ts";
import { eventFormat } from "../../worker/body-format.ts";
import { impliedHead } from "../../worker/head.ts";
import { casesBy } from "./cases.ts";
import { cutAt } from "./cuts.ts";
import { chunksOf, readByPackage, readByParser, readByStandard, readByUndici } from "./readers.ts";
import type { SeenEvent, SseReader } from "./readers.ts";
import { anyText, overTheWire } from "./text.ts";

const eventsABody = 100;
const log = "V1StGXR8_Z5jdHi6B-myT";

interface Written {
  readonly event: string;
  readonly data: string;
}

/** Any but those with CR, LF and NUL, and the gateway's own, which are refused. */
const name = fc.oneof(
  { weight: 2, arbitrary: fc.constant("") },
  fc.constantFrom("delta", "message", "error", "open", "__proto__", "toString", "data", "longstream", " "),
  anyText(6).map((text) => text.replaceAll(/[\r\n\0]/g, "")),
);
const data = fc.oneof(
  { weight: 40, arbitrary: anyText(12) },
  { weight: 10, arbitrary: anyText(400) },
  { weight: 1, arbitrary: fc.tuple(anyText(4), fc.integer({ min: 1, max: 10_000 })).map(([piece, times]) => piece.repeat(times)) },
);
/** To make a failure small takes a request a try. */
const maxShrinks = 200;
const body = fc.limitShrink(fc.array(fc.record<Written>({ event: name, data }), { minLength: eventsABody, maxLength: eventsABody }), maxShrinks);
/** Sizes of chunks one behind the other; what is behind them comes in one. */
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 400 })), { maxLength: 300, size: "max" });

/** As the log has it and a reader of a whole stream gets it. */
function bytesOf(events: readonly Written[]): Buffer {
  const format = eventFormat({ retryMs: 1_000, controls: "events", reset: null });
  const start = { type: "start", log, seq: 0, offset: 0, reset: null, head: impliedHead, extent: { kind: "whole", bytes: null } } as const;
  const rows = events.map(({ event, data: given }, index) => rowOf(index, encodeEvent({ event, data: given }).payload));
  const end = format.closing({ type: "end", seq: events.length, outcome: "completed", error: null }, log);
  return Buffer.concat([Buffer.from(format.opening(start)), ...rows.flatMap((row) => [row, Buffer.from(format.heartbeat)]), Buffer.from(end)]);
}

function rowOf(index: number, payload: Uint8Array): Uint8Array {
  const batch = new Batch(log, { seq: index, digest: emptyDigest, sourceId: "" });
  batch.append(decodeDataFrame(encodeDataFrame({ firstSeq: index + 1, digest: emptyDigest, sourceId: "", payloads: [payload] }), "events"));
  return batch.row()?.bytes ?? new Uint8Array(0);
}

/** UTF-8 has no halves of characters, and every line break of SSE is read as LF. */
function seenOf(events: readonly Written[]): readonly SeenEvent[] {
  const seen = events.map(({ event, data: given }, index) => ({
    event: overTheWire(event) || "message",
    data: overTheWire(given).replaceAll(/\r\n|\r/g, "\n"),
    lastId: formatCursor(log, index + 1),
  }));
  return [...seen, { event: "longstream.end", data: '{"outcome":"completed"}', lastId: formatCursor(log, events.length) }];
}

/** What the server answers with. */
let chunks: readonly Uint8Array[] = [];
let server: Server;
let url: URL;

beforeAll(async () => {
  server = createServer((_request, response) => {
    answer(response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  url = new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
});

/** A reader in the same process is given each chunk before the next one is written, but for the first ones. */
async function answer(response: ServerResponse): Promise<void> {
  // A connection that is kept may be closed just as it is used again.
  response.shouldKeepAlive = false;
  response.writeHead(200, eventStreamHeaders);
  for (const chunk of chunks) {
    response.write(chunk);
    await nextTurn();
  }
  response.end();
}

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const readers: readonly (readonly [string, SseReader])[] = [
  ["eventsource-parser", readByParser],
  ["undici's EventSource", readByUndici],
  ["the package eventsource", readByPackage],
  ["the standard by the letter", readByStandard],
];

test.each(readers)("P2: %s receives any events as they were written, ids included, however the body is cut", async (_, read) => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(body, sizes, async (events, lengths) => {
      chunks = cutBy(bytesOf(events), lengths);
      const seen = await read(url, new Set(events.map(({ event }) => overTheWire(event))));
      expect(seen).toEqual(seenOf(events));
      count += events.length;
    }),
    casesBy(eventsABody),
  );
  expect(count).toBe(casesBy(eventsABody).numRuns * eventsABody);
});

test("a body that is cut at every byte comes in about as many chunks", async () => {
  const bytes = bytesOf(Array.from({ length: eventsABody }, () => ({ event: "é", data: "a\u{1F4A1}\nb" })));
  chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
  expect((await chunksOf(url)).length).toBeGreaterThan(bytes.length / 2);
});

function cutBy(bytes: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  let end = 0;
  const offsets = lengths.map((length) => (end = Math.min(bytes.length, end + length)));
  return cutAt(bytes, offsets).filter(({ length }) => length > 0);
}
