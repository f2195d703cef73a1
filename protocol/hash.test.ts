/** Owns the tests of the rolling hash by which a replay is compared with the log. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RollingHash, emptyDigest, isDigest } from "./hash.ts";
import type { Mode } from "./producer-messages.ts";

const encoder = new TextEncoder();
const digestOf = (events: readonly (string | Uint8Array)[], from?: string, mode: Mode = "events"): string => {
  const hash = new RollingHash(mode, from);
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
    for (const mode of ["events", "bytes"] as const) {
      expect(new RollingHash(mode).digest()).toBe(emptyDigest);
      expect(new RollingHash(mode, emptyDigest).digest()).toBe(emptyDigest);
    }
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
    const hash = new RollingHash("events");
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

describe("in bytes mode the rolling hash", () => {
  const bytesDigest = (...runs: readonly (string | Uint8Array)[]): string => digestOf(runs, emptyDigest, "bytes");

  test.each<[string[], string]>([
    [[], "0000000000000000"],
    [["a"], "f3051c11c5b4051d"],
    [["data: a\n"], "5d2554678b1f9ddf"],
    [["\u00e9\u{1f600}"], "0485460a6f523d4e"],
  ])("of %j is literally the same in every release", (runs, digest) => {
    expect(bytesDigest(...runs)).toBe(digest);
  });

  test("P2: of a body is the same however it is cut, and wherever it is gone on from", () => {
    const cuts = fc.array(fc.nat(20), { maxLength: 8 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), cuts, fc.nat(60), (body, lengths, from) => {
        const whole = bytesDigest(body);
        expect(bytesDigest(...cut(body, lengths))).toBe(whole);
        expect(digestOf(cut(body.subarray(from), lengths), bytesDigest(body.subarray(0, from)), "bytes")).toBe(whole);
      }),
    );
  });

  test("of a body in two runs is that of one; of two events it is not that of one", () => {
    expect(bytesDigest("a", "b")).toBe(bytesDigest("ab"));
    expect(digestOf(["a", "b"])).not.toBe(digestOf(["ab"]));
  });

  test("is not moved by an empty run", () => {
    expect(bytesDigest("a", "", "b")).toBe(bytesDigest("ab"));
  });

  test("is not that of an event of the same bytes", () => {
    expect(bytesDigest("data: a\n")).not.toBe(digestOf(["data: a\n"]));
  });

  test.each<[string, string, string]>([
    ["a byte that differs", "abc", "abd"],
    ["a byte that is missing", "abc", "ab"],
    ["bytes that changed places", "abc", "acb"],
  ])("notices %s", (_, one, other) => {
    expect(bytesDigest(one)).not.toBe(bytesDigest(other));
  });
});

/** Runs of these lengths, as far as the body goes, and one of the rest. */
function cut(body: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  let at = 0;
  const runs = lengths.map((length) => body.subarray(at, (at += length)));
  return [...runs, body.subarray(at)];
}

test("a digest is sixteen lower-case hexadecimal digits", () => {
  expect(isDigest("00112233aabbccdd")).toBe(true);
  expect(["", "0011", "00112233AABBCCDD", "00112233aabbccdg", "00112233aabbccdd0", "00112233aabbccdd\n"].some(isDigest)).toBe(false);
});
