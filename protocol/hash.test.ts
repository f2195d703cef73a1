/** Owns the tests of the rolling hash by which a replay is compared with the log. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RollingHash, emptyDigest, isDigest } from "./hash.ts";

const encoder = new TextEncoder();
const digestOf = (events: readonly (string | Uint8Array)[], from?: string): string => {
  const hash = new RollingHash(from);
  for (const event of events) hash.update(typeof event === "string" ? encoder.encode(event) : event);
  return hash.digest();
};

describe("the rolling hash", () => {
  // Stored with every log: other digests would make each replay of a running stream diverge on the next deploy.
  test.each<[string[], string]>([
    [[], "0000000000000000"],
    [["data: a\n"], "7185c9163559bc2b"],
    [["data: a\n", "data: b\n"], "62605d89307d06b0"],
    [["data: \u00e9\u{1f600}\n"], "0402b9772dd1d6a3"],
  ])("of %j is literally the same in every release", (events, digest) => {
    expect(digestOf(events)).toBe(digest);
  });

  test("of the empty log is sixteen zeros", () => {
    expect(emptyDigest).toBe("0000000000000000");
    expect(new RollingHash().digest()).toBe(emptyDigest);
    expect(new RollingHash(emptyDigest).digest()).toBe(emptyDigest);
  });

  test("goes on from a digest as if it had never stopped", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), fc.nat(8), (events, at) => {
        expect(digestOf(events.slice(at), digestOf(events.slice(0, at)))).toBe(digestOf(events));
      }),
    );
  });

  test("is always sixteen hexadecimal digits", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (events) => {
        expect(digestOf(events)).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });

  test("reading a digest changes nothing", () => {
    const hash = new RollingHash();
    hash.update(encoder.encode("a"));
    expect(hash.digest()).toBe(hash.digest());
    hash.update(encoder.encode("b"));
    expect(hash.digest()).toBe(digestOf(["a", "b"]));
  });

  test.each<[string, string[], string[]]>([
    ["where one event ends and the next begins", ["ab", "c"], ["a", "bc"]],
    ["two events or one", ["a", "b"], ["ab"]],
    ["the order of events", ["a", "b"], ["b", "a"]],
    ["an event twice", ["a"], ["a", "a"]],
    ["one letter", ["data: a\n"], ["data: b\n"]],
    ["the last letter of a long event", [`${"x".repeat(10_000)}a`], [`${"x".repeat(10_000)}b`]],
  ])("notices %s", (_, one, other) => {
    expect(digestOf(one)).not.toBe(digestOf(other));
  });

  test("notices any one byte that changed", () => {
    const event = fc.uint8Array({ minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(event, fc.nat(29), fc.integer({ min: 1, max: 255 }), (bytes, at, flip) => {
        const changed = Uint8Array.from(bytes);
        const index = at % bytes.length;
        changed[index] = (bytes[index] ?? 0) ^ flip;
        expect(digestOf([changed])).not.toBe(digestOf([bytes]));
      }),
    );
  });

  test("gives ten thousand short events ten thousand digests", () => {
    const digests = new Set(Array.from({ length: 10_000 }, (_, index) => digestOf([`data: ${index}\n`])));
    expect(digests.size).toBe(10_000);
  });
});

test("a digest is sixteen lower-case hexadecimal digits", () => {
  expect(isDigest("00112233aabbccdd")).toBe(true);
  expect(["", "0011", "00112233AABBCCDD", "00112233aabbccdg", "00112233aabbccdd0", "00112233aabbccdd\n"].some(isDigest)).toBe(false);
});
