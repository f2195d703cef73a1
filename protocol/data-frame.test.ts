/** Owns the tests of the frame that carries a producer's events. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeDataFrame, encodeDataFrame, seqsOf } from "./data-frame.ts";
import type { DataFrame, ReceivedFrame } from "./data-frame.ts";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { Mode } from "./producer-messages.ts";
import { eventLines } from "./sse.ts";

const digest = "00112233aabbccff";
const digestBytes = [0x00, 0x11, 0x22, 0x33, 0xaa, 0xbb, 0xcc, 0xff];
const encoder = new TextEncoder();
const bytesOf = (text: string): number[] => [...encoder.encode(text)];
const frameOf = (firstSeq: number, sourceId: string, ...payloads: string[]): DataFrame => ({
  firstSeq,
  digest,
  sourceId,
  payloads: payloads.map((payload) => encoder.encode(payload)),
});
/** A frame of events as it is received. */
const receivedOf = (frame: DataFrame): ReceivedFrame => ({ ...frame, mode: "events", lastSeq: frame.firstSeq + frame.payloads.length - 1 });
const unreadable = (why: string): LongstreamError => new LongstreamError("protocol-error", `Cannot read the data frame: ${why}`);

describe("a data frame", () => {
  test("is version, first seq, digest, source id and events", () => {
    const bytes = encodeDataFrame(frameOf(300, "é", "data: a\n", "event: b\ndata: \n"));
    const head = [1, 0xac, 2, ...digestBytes, 2, 0xc3, 0xa9];
    expect([...bytes]).toEqual([...head, 8, ...bytesOf("data: a\n"), 16, ...bytesOf("event: b\ndata: \n")]);
  });

  test("is read from literal bytes", () => {
    const bytes = Uint8Array.from([1, 7, ...digestBytes, 0, 8, ...bytesOf("data: a\n"), 2, ...bytesOf(":\n")]);
    expect(decodeDataFrame(bytes, "events")).toEqual({ ...frameOf(7, "", "data: a\n", ":\n"), mode: "events", lastSeq: 8 });
  });

  test("gives its events as views, not copies", () => {
    const bytes = encodeDataFrame(frameOf(1, "", "data: a\n"));
    expect(decodeDataFrame(bytes, "events").payloads[0]?.buffer).toBe(bytes.buffer);
  });

  test("of any events is read as it was written", () => {
    fc.assert(
      fc.property(anyFrame(), (frame) => {
        expect(decodeDataFrame(encodeDataFrame(frame), "events")).toEqual(receivedOf(frame));
      }),
      { numRuns: 200 },
    );
  });

  test("with one event, cut off anywhere, is refused with a LongstreamError", () => {
    const bytes = encodeDataFrame(frameOf(70_000, "source-1", "event: delta\ndata: hello\ndata: there\n"));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeDataFrame(bytes.subarray(0, length), "events")).toThrow(LongstreamError);
    }
  });

  test("with any events, cut off anywhere, is refused, or holds the events before the cut", () => {
    fc.assert(
      fc.property(anyFrame(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (frame, share) => {
        const bytes = encodeDataFrame(frame);
        const read = readOrRefusal(bytes.subarray(0, Math.floor(bytes.length * share)));
        expect(read === "refused" ? [] : read.payloads).toEqual(read === "refused" ? [] : frame.payloads.slice(0, read.payloads.length));
      }),
      { numRuns: 300 },
    );
  });

  test("with one byte changed is read or refused with a LongstreamError, and nothing else", () => {
    const bytes = encodeDataFrame(frameOf(300, "é1", "data: a\n", "event: b\ndata: \n"));
    let readable = 0;
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      for (let value = 0; value < 256; value++) {
        damaged[at] = value;
        const read = readOrRefusal(damaged);
        if (read !== "refused") readable++;
      }
    }
    // The digest and the text of fields may be anything; lengths, line ends and the version may not.
    expect(readable).toBeGreaterThan(bytes.length);
  });
});

describe("a data frame is refused", () => {
  const head = [1, 1, ...digestBytes, 0];
  const framed = (...payload: number[]): number[] => [...head, payload.length, ...payload];

  test.each<[string, number[], string]>([
    ["when it is empty", [], "it ends before its version"],
    ["in another version", [2, 1, ...digestBytes, 0, 2, 58, 10], "its version is 2, and this gateway reads 1"],
    ["without a first seq", [1], "it ends before its first seq"],
    ["with the first seq 0", [1, 0, ...digestBytes, 0, 2, 58, 10], "its first seq is 0, and seqs start at 1"],
    ["with a first seq over 2^53 - 1", [1, ...Array.from({ length: 8 }, () => 255), 1], "its first seq is over 2^53 - 1"],
    ["inside its digest", [1, 1, ...digestBytes.slice(1)], "it ends inside its digest"],
    ["with a last seq over 2^53 - 1", [1, 255, 255, 255, 255, 255, 255, 255, 15, ...digestBytes, 0, 2, 58, 10, 2, 58, 10], "its last seq is over 2^53 - 1"],
    ["without a source id", [1, 1, ...digestBytes], "it ends before its source id length"],
    ["inside its source id", [1, 1, ...digestBytes, 3, 97], "it ends inside its source id"],
    ["with a source id over 1 KiB", [1, 1, ...digestBytes, 0x81, 8], "its source id has 1025 bytes, and the limit is 1024"],
    ["with a source id that is not UTF-8", [1, 1, ...digestBytes, 1, 0xff, 2, 58, 10], "its source id is not UTF-8"],
    ["without an event", head, "it carries no event"],
    ["inside an event", [...head, 9, 97], "it ends inside its event"],
    ["with an empty event", framed(), "event 1 is not lines that end in LF"],
    ["with an event that does not end in LF", framed(...bytesOf("data: a")), "event 1 is not lines that end in LF"],
    ["with an event that starts with LF", framed(...bytesOf("\ndata: a\n")), "event 1 is not lines that end in LF"],
    ["with an event of one LF", framed(10), "event 1 is not lines that end in LF"],
    ["with a CR inside an event", framed(...bytesOf("data: a\rb\n")), "event 1 contains a CR"],
    ["with a CRLF at the end of an event", framed(...bytesOf("data: a\r\n")), "event 1 contains a CR"],
    ["with an empty line inside an event", framed(...bytesOf("data: a\n\ndata: b\n")), "event 1 contains an empty line"],
    ["with an empty line at the end of an event", framed(...bytesOf("data: a\n\n")), "event 1 contains an empty line"],
    ["by the seq of the event at fault", [...framed(...bytesOf("data: a\n")), 3, 97, 13, 10], "event 2 contains a CR"],
  ])("%s", (_, bytes, why) => {
    expect(() => decodeDataFrame(Uint8Array.from(bytes), "events")).toThrow(unreadable(why));
  });

  test("P6: over maxFrameBytes", () => {
    for (const mode of ["events", "bytes"] as const) {
      expect(() => decodeDataFrame(new Uint8Array(limits.maxFrameBytes + 1), mode)).toThrow(
        new LongstreamError("frame-too-large", "Cannot read a data frame of 1052673 bytes: the limit is 1052672"),
      );
      expect(() => decodeDataFrame(new Uint8Array(limits.maxFrameBytes), mode)).toThrow(unreadable("its version is 0, and this gateway reads 1"));
    }
  });

  test("P6: with an event over maxEventBytes, before it is read", () => {
    const tooLong = [0x81, 0xfe, 0x3f];
    expect(() => decodeDataFrame(Uint8Array.from([1, 9, ...digestBytes, 0, ...tooLong]), "events")).toThrow(
      new LongstreamError("event-too-large", "Cannot store event 9: it has 1048321 bytes, and the limit is 1048320"),
    );
  });
});

describe("in bytes mode a data frame", () => {
  const head = [1, 7, ...digestBytes, 0];

  test("carries runs of any bytes, and its last seq is the position of the last byte", () => {
    const bytes = Uint8Array.from([...head, 3, 13, 10, 10, 1, 0xff]);
    expect(decodeDataFrame(bytes, "bytes")).toEqual({
      mode: "bytes",
      firstSeq: 7,
      lastSeq: 10,
      digest,
      sourceId: "",
      payloads: [Uint8Array.of(13, 10, 10), Uint8Array.of(0xff)],
    });
  });

  test("has the last seq of its bytes where the same frame of events has that of its events", () => {
    const bytes = encodeDataFrame(frameOf(1, "", "data: a\n", "data: b\n"));
    expect(decodeDataFrame(bytes, "bytes").lastSeq).toBe(16);
    expect(decodeDataFrame(bytes, "events").lastSeq).toBe(2);
  });

  test("P6: takes a run that is longer than an event may be", () => {
    const run = new Uint8Array(limits.maxEventBytes + 1);
    const frame = { firstSeq: 1, digest, sourceId: "", payloads: [run] };
    expect(decodeDataFrame(encodeDataFrame(frame), "bytes").lastSeq).toBe(limits.maxEventBytes + 1);
  });

  test.each<[string, number[], string]>([
    ["with an empty run", [...head, 0], "it carries an empty run of bytes"],
    ["with an empty run behind another", [...head, 1, 97, 0], "it carries an empty run of bytes"],
    ["with an empty run before another", [...head, 0, 1, 97], "it carries an empty run of bytes"],
    ["without a run", head, "it carries no event"],
    ["that ends before a run", [...head, 0x80], "it ends before its run length"],
    ["that ends inside a run", [...head, 4, 97], "it ends inside its run"],
    ["with a last seq over 2^53 - 1", [1, 255, 255, 255, 255, 255, 255, 255, 15, ...digestBytes, 0, 2, 97, 98], "its last seq is over 2^53 - 1"],
    ["with the first seq 0", [1, 0, ...digestBytes, 0, 1, 97], "its first seq is 0, and seqs start at 1"],
  ])("%s is refused", (_, bytes, why) => {
    expect(() => decodeDataFrame(Uint8Array.from(bytes), "bytes")).toThrow(unreadable(why));
  });

  test("of any runs is read as it was written", () => {
    const run = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), fc.array(run, { minLength: 1, maxLength: 8 }), (firstSeq, payloads) => {
        const lastSeq = firstSeq - 1 + payloads.reduce((sum, { length }) => sum + length, 0);
        const frame = { firstSeq, digest, sourceId: "", payloads };
        expect(decodeDataFrame(encodeDataFrame(frame), "bytes")).toEqual({ ...frame, mode: "bytes", lastSeq });
      }),
    );
  });

  test("cut off anywhere is refused, or holds the runs before the cut", () => {
    const bytes = Uint8Array.from([...head, 2, 97, 98, 3, 99, 100, 101]);
    const read = Array.from(bytes, (_, length) => readOrRefusal(bytes.subarray(0, length), "bytes"));
    expect(read.flatMap((frame, length) => (frame === "refused" ? [] : [[length, frame.lastSeq]]))).toEqual([[head.length + 3, 8]]);
  });
});

test("an event takes one seq, and a run one for each of its bytes", () => {
  const payload = encoder.encode("data: é\n");
  expect([seqsOf("events", payload), seqsOf("bytes", payload)]).toEqual([1, 9]);
});

test("P6: the largest event and the largest source id fit a frame", () => {
  const payload = new Uint8Array(limits.maxEventBytes).fill(97);
  payload[payload.length - 1] = 10;
  const frame = { firstSeq: Number.MAX_SAFE_INTEGER, digest, sourceId: "s".repeat(limits.maxSourceIdBytes), payloads: [payload] };
  const read = decodeDataFrame(encodeDataFrame(frame), "events");
  expect(read.sourceId).toBe(frame.sourceId);
  expect(read.payloads.map(({ length }) => length)).toEqual([limits.maxEventBytes]);
});

function anyFrame(): fc.Arbitrary<DataFrame> {
  const text = fc.array(fc.constantFrom("a", "é", "😀", " ", ":", "\0", "data: "), { maxLength: 60 }).map((parts) => parts.join(""));
  const payload = fc.array(text, { minLength: 1, maxLength: 4 }).map((lines) => encoder.encode(eventLines(undefined, lines.join("\n"))));
  return fc.record({
    firstSeq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 8 }),
    digest: fc.stringMatching(/^[0-9a-f]{16}$/),
    sourceId: text,
    payloads: fc.array(payload, { minLength: 1, maxLength: 8 }),
  });
}

function readOrRefusal(bytes: Uint8Array, mode: Mode = "events"): ReceivedFrame | "refused" {
  try {
    return decodeDataFrame(bytes, mode);
  } catch (error) {
    if (error instanceof LongstreamError) return "refused";
    throw error;
  }
}
