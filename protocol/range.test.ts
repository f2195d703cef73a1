/** Owns the tests of byte ranges. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "./limits.ts";
import { contentRange, openEnd, parseRange, resolveRange } from "./range.ts";
import type { Body, ByteRange, Extent } from "./range.ts";

const from = (first: number, last: number | null = null): ByteRange => ({ kind: "from", first, last });
const suffix = (length: number): ByteRange => ({ kind: "suffix", length });

describe("a Range header", () => {
  test.each<[string, ByteRange]>([
    ["bytes=0-", from(0)],
    ["bytes=500-", from(500)],
    ["bytes=0-0", from(0, 0)],
    ["bytes=500-999", from(500, 999)],
    ["bytes=007-010", from(7, 10)],
    ["bytes=-500", suffix(500)],
    ["bytes=-0", suffix(0)],
    ["bytes=999999999999999-", from(999_999_999_999_999)],
    ["bytes=-999999999999999", suffix(999_999_999_999_999)],
    ["bytes=5-9007199254740991", from(5, openEnd)],
    ["bytes=5-9007199254740992", from(5, openEnd)],
    ["bytes=0-99999999999999999999", from(0, openEnd)],
    ["bytes= 0-5", from(0, 5)],
    ["bytes= 0 - 5 ", from(0, 5)],
  ])("%j is read", (text, range) => {
    expect(parseRange(text)).toEqual(range);
  });

  test.each<[string, string | null]>([
    ["none", null],
    ["an empty one", ""],
    ["another unit", "items=0-5"],
    ["no unit", "0-5"],
    ["a unit alone", "bytes"],
    ["no range", "bytes="],
    ["a range of nothing", "bytes=-"],
    ["two ranges", "bytes=0-5,10-15"],
    ["two ranges of which one is empty", "bytes=0-5,"],
    ["an end before its start", "bytes=5-4"],
    ["a position that is negative", "bytes=--5"],
    ["a position with a sign", "bytes=+5-"],
    ["a fraction", "bytes=0.5-"],
    ["another base", "bytes=0x10-"],
    ["digits that are no ASCII", "bytes=٣-"],
    ["text behind it", "bytes=0-5 please"],
    ["a position of 16 digits, which no body has", "bytes=1000000000000000-"],
    ["a last part of 16 digits", "bytes=-1000000000000000"],
    ["a line break", "bytes=0-5\n"],
  ])("that is %s is as good as none", (_, text) => {
    expect(parseRange(text)).toBeNull();
  });

  test("P6: full of spaces, of the largest size, is read at once", () => {
    const spaces = " ".repeat(limits.maxHeaderBytes);
    const before = process.threadCpuUsage();
    expect(parseRange(`bytes=1-${spaces}x`)).toBeNull();
    expect(parseRange(`bytes=${spaces}1${spaces}-${spaces}2${spaces}`)).toEqual(from(1, 2));
    expect(process.threadCpuUsage(before).user).toBeLessThan(500_000);
  });
});

describe("of a body of 10 bytes", () => {
  const part = (first: number, last: number | null, total: number | null): Extent => ({ kind: "part", first, last, total });
  const growing: Body = { stored: 10, growth: "growing" };
  const ended: Body = { stored: 10, growth: "ended" };

  test.each<[string, ByteRange | null, Extent | null, Extent | null]>([
    ["no range", null, { kind: "whole", bytes: null }, { kind: "whole", bytes: 10 }],
    ["all from the start", from(0), part(0, null, null), part(0, 9, 10)],
    ["all from a byte", from(4), part(4, null, null), part(4, 9, 10)],
    ["all from the last byte", from(9), part(9, null, null), part(9, 9, 10)],
    ["all from the end", from(10), part(10, null, null), null],
    ["all from beyond the end", from(11), null, null],
    ["the first byte", from(0, 0), part(0, 0, null), part(0, 0, 10)],
    ["some bytes", from(4, 6), part(4, 6, null), part(4, 6, 10)],
    ["bytes up to the last", from(4, 9), part(4, 9, null), part(4, 9, 10)],
    ["bytes up to behind the last", from(4, 10), part(4, 9, null), part(4, 9, 10)],
    ["bytes from the end, up to a last one", from(10, 20), null, null],
    ["RFC 8673: bytes up to an end nobody reaches", from(4, openEnd), part(4, null, null), part(4, 9, 10)],
    ["RFC 8673: bytes from the end to an end nobody reaches", from(10, openEnd), part(10, null, null), null],
    ["bytes up to just before that end", from(4, openEnd - 1), part(4, 9, null), part(4, 9, 10)],
    ["the last 3", suffix(3), { kind: "whole", bytes: null }, part(7, 9, 10)],
    ["the last 10", suffix(10), { kind: "whole", bytes: null }, part(0, 9, 10)],
    ["the last 11", suffix(11), { kind: "whole", bytes: null }, part(0, 9, 10)],
    ["the last 0", suffix(0), { kind: "whole", bytes: null }, null],
  ])("%s is what is there of them, while it grows and once it has ended", (_, range, whileGrowing, onceEnded) => {
    expect(resolveRange(range, growing)).toEqual(whileGrowing);
    expect(resolveRange(range, ended)).toEqual(onceEnded);
  });
});

test.each<[string, ByteRange | null, Extent | null, Extent | null]>([
  ["no range", null, { kind: "whole", bytes: null }, { kind: "whole", bytes: 0 }],
  ["all from the start", from(0), { kind: "part", first: 0, last: null, total: null }, null],
  ["the first byte", from(0, 0), null, null],
  ["all from a byte", from(1), null, null],
  ["the last byte", suffix(1), { kind: "whole", bytes: null }, null],
])("of an empty body %s is what will be there, or nothing", (_, range, whileGrowing, onceEnded) => {
  expect(resolveRange(range, { stored: 0, growth: "growing" })).toEqual(whileGrowing);
  expect(resolveRange(range, { stored: 0, growth: "ended" })).toEqual(onceEnded);
});

test("whatever is asked for, the part given is inside the body, and what is open begins at most at its end", () => {
  const last = fc.oneof(fc.constant(null), fc.nat(30), fc.constant(openEnd));
  const range = fc.oneof(
    fc.tuple(fc.nat(30), last).map(([first, end]) => from(first, end === null ? null : Math.max(first, end))),
    fc.nat(30).map(suffix),
  );
  fc.assert(
    fc.property(range, fc.nat(20), fc.constantFrom("growing", "ended"), (wanted, stored, growth) => {
      const extent = resolveRange(wanted, { stored, growth });
      if (extent?.kind !== "part") return;
      expect(extent.first).toBeLessThanOrEqual(extent.last ?? stored);
      expect(extent.last ?? 0).toBeLessThan(Math.max(stored, 1));
      expect(extent.total).toBe(growth === "ended" ? stored : null);
    }),
  );
});

test.each<[Extract<Extent, { kind: "part" }>, string]>([
  [{ kind: "part", first: 0, last: 9, total: 10 }, "bytes 0-9/10"],
  [{ kind: "part", first: 4, last: 6, total: null }, "bytes 4-6/*"],
  [{ kind: "part", first: 4, last: null, total: null }, "bytes 4-9007199254740991/*"],
  [{ kind: "part", first: 0, last: 0, total: 1 }, "bytes 0-0/1"],
])("%j is told as %s", (part, text) => {
  expect(contentRange(part)).toBe(text);
});
