/** Owns the tests of variable-length integers and checked reads. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, varintBytes, writeVarint } from "./bytes.ts";
import { LongstreamError } from "./errors.ts";

const cases: [number, number[]][] = [
  [0, [0]],
  [1, [1]],
  [127, [127]],
  [128, [128, 1]],
  [300, [0xac, 2]],
  [16_383, [255, 127]],
  [16_384, [128, 128, 1]],
  [2 ** 32, [128, 128, 128, 128, 16]],
  [Number.MAX_SAFE_INTEGER, [255, 255, 255, 255, 255, 255, 255, 15]],
];

describe("a varint", () => {
  test.each(cases)("of %i has literal bytes", (value, bytes) => {
    expect(varintBytes(value)).toBe(bytes.length);
    const target = new Uint8Array(bytes.length + 2);
    expect(writeVarint(target, 1, value)).toBe(bytes.length + 1);
    expect([...target]).toEqual([0, ...bytes, 0]);
    const reader = new ByteReader(Uint8Array.from(bytes), "the frame");
    expect(reader.varint("length")).toBe(value);
    expect(reader.done).toBe(true);
  });

  test("of any value is read as it was written", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = new Uint8Array(varintBytes(value));
        expect(writeVarint(bytes, 0, value)).toBe(bytes.length);
        expect(new ByteReader(bytes, "the frame").varint("length")).toBe(value);
      }),
    );
  });

  test.each([
    ["2^53", [128, 128, 128, 128, 128, 128, 128, 16]],
    ["eight full bytes", [255, 255, 255, 255, 255, 255, 255, 127]],
    ["more than eight bytes", [255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ["nothing but continuations", Array.from({ length: 64 }, () => 128)],
  ])("over 2^53 - 1 is refused: %s", (_, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes), "the frame").varint("length")).toThrow(
      new LongstreamError("protocol-error", "Cannot read the frame: its length is over 2^53 - 1"),
    );
  });

  test("cut off anywhere is refused by the name of its field", () => {
    for (const [, bytes] of cases) {
      for (let length = 0; length < bytes.length; length++) {
        expect(() => new ByteReader(Uint8Array.from(bytes.slice(0, length)), "the frame").varint("length")).toThrow(
          new LongstreamError("protocol-error", "Cannot read the frame: it ends before its length"),
        );
      }
    }
  });
});

describe("a reader of bytes", () => {
  test("gives views of the frame, in order, and then nothing", () => {
    const bytes = Uint8Array.of(9, 1, 2, 3, 4);
    const reader = new ByteReader(bytes, "the frame");
    expect(reader.byte("version")).toBe(9);
    const taken = reader.take(2, "event");
    expect([...taken]).toEqual([1, 2]);
    expect(taken.buffer).toBe(bytes.buffer);
    expect(reader.done).toBe(false);
    expect([...reader.rest()]).toEqual([3, 4]);
    expect(reader.done).toBe(true);
    expect([...reader.rest()]).toEqual([]);
    expect([...reader.take(0, "event")]).toEqual([]);
  });

  test("stays inside a frame that is itself a view", () => {
    const reader = new ByteReader(Uint8Array.of(7, 7, 1, 2, 7, 7).subarray(2, 4), "the frame");
    expect([...reader.rest()]).toEqual([1, 2]);
  });

  test("refuses to read behind the end", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2), "the frame");
    expect(() => reader.take(3, "event")).toThrow(new LongstreamError("protocol-error", "Cannot read the frame: it ends inside its event"));
    expect([...reader.take(2, "event")]).toEqual([1, 2]);
    expect(() => reader.byte("version")).toThrow(new LongstreamError("protocol-error", "Cannot read the frame: it ends before its version"));
    expect(() => reader.take(Number.MAX_SAFE_INTEGER, "event")).toThrow(LongstreamError);
  });
});
