/** Fuzzing of the binary frames: any bytes are read to what writes them again, or refused with a known code. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBodyPiece, encodeBodyPiece } from "../../protocol/body-piece.ts";
import { varintBytes, writeVarint } from "../../protocol/bytes.ts";
import { decodeEventsFrame, encodeEventsFrame } from "../../protocol/consumer-frames.ts";
import { decodeDataFrame, encodeDataFrame } from "../../protocol/data-frame.ts";
import type { DataFrame, ReceivedFrame } from "../../protocol/data-frame.ts";
import { eventLines } from "../../protocol/sse.ts";
import { damagedBytes } from "./damage.ts";
import { fuzz } from "./outcome.ts";
import { anyText, overTheWire } from "./text.ts";

const encoder = new TextEncoder();
const knownCodes = ["protocol-error", "frame-too-large", "event-too-large"];
const seq = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));

function frames(payload: fc.Arbitrary<Uint8Array>): fc.Arbitrary<DataFrame> {
  return fc.record({
    firstSeq: fc.oneof(seq, fc.nat(4).map((less) => Number.MAX_SAFE_INTEGER - less)),
    digest: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString("hex")),
    sourceId: anyText(8).map(overTheWire),
    payloads: fc.array(payload, { minLength: 1, maxLength: 4 }),
  });
}

/** A version, and then any numbers of any size, and any bytes between them. */
const plausible = fc
  .array(fc.oneof(fc.maxSafeNat().map(varint), fc.nat(20).map(varint), fc.uint8Array({ maxLength: 12 })), { maxLength: 8 })
  .map((parts) => Uint8Array.from([1, ...parts.flatMap((part) => [...part])]));

function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(varintBytes(value));
  writeVarint(bytes, 0, value);
  return bytes;
}

function bytesFrom(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.oneof(fc.uint8Array({ maxLength: 60 }), plausible, { weight: 3, arbitrary: damagedBytes(valid) });
}

/** A log's seqs are exact numbers. */
function numbered<T extends { readonly lastSeq: number }>(frame: T): T {
  expect(frame.lastSeq).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  return frame;
}

/** Whole lines, none of them empty: anything else would end an event early for every reader of the log. */
function inLines(frame: ReceivedFrame): ReceivedFrame {
  for (const payload of frame.payloads) expect(Buffer.from(payload).toString("latin1")).toMatch(/^([^\r\n]+\n)+$/);
  return numbered(frame);
}

/** Gives the number of frames that came out the rarer way. */
function fuzzFrames<T>(bytes: fc.Arbitrary<Uint8Array>, decode: (bytes: Uint8Array) => T, encode: (frame: T) => Uint8Array): number {
  return fuzz(bytes, decode, (outcome, given) => {
    if (outcome.kind === "refused") {
      expect(knownCodes).toContain(outcome.code);
      return;
    }
    const again = encode(outcome.value);
    // A number may be spelled longer than it must be; nothing else has two spellings.
    if (again.length < given.length) expect(decode(again)).toEqual(outcome.value);
    else expect(Buffer.compare(again, given)).toBe(0);
  });
}

test("a data frame of events, whatever its bytes, says what it says or is refused", () => {
  const lines = fc.tuple(fc.constantFrom(undefined, "a", "é"), anyText(12)).map(([event, data]) => eventLines(event, data));
  const nearly = fc.string({ unit: fc.constantFrom("a", ":", "\n", "\r"), maxLength: 6 }).map((text) => `${text}\n`);
  const payload = fc.oneof({ weight: 4, arbitrary: lines }, nearly).map((text) => encoder.encode(text));
  expect(fuzzFrames(bytesFrom(frames(payload).map(encodeDataFrame)), (bytes) => inLines(decodeDataFrame(bytes, "events")), encodeDataFrame)).toBeGreaterThan(0);
});

test("a data frame of runs of bytes, whatever its bytes, says what it says or is refused", () => {
  const run = fc.uint8Array({ minLength: 1, maxLength: 20 });
  expect(fuzzFrames(bytesFrom(frames(run).map(encodeDataFrame)), (bytes) => numbered(decodeDataFrame(bytes, "bytes")), encodeDataFrame)).toBeGreaterThan(0);
});

test("an events frame to a consumer, whatever its bytes, says what it says or is refused", () => {
  const frame = fc.record({ firstSeq: seq, more: fc.nat(4_096), offset: fc.maxSafeNat(), bytes: fc.uint8Array({ maxLength: 20 }) });
  const valid = frame.map(({ more, ...rest }) => encodeEventsFrame({ ...rest, lastSeq: rest.firstSeq + more }));
  expect(fuzzFrames(bytesFrom(valid), (bytes) => numbered(decodeEventsFrame(bytes)), encodeEventsFrame)).toBeGreaterThan(0);
});

test("a piece of a request body, whatever its bytes, says what it says or is refused", () => {
  const piece = fc.record({ offset: fc.maxSafeNat(), bytes: fc.uint8Array({ maxLength: 20 }) });
  expect(fuzzFrames(bytesFrom(piece.map(encodeBodyPiece)), decodeBodyPiece, encodeBodyPiece)).toBeGreaterThan(0);
});
