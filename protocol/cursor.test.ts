/** Owns the tests of the cursor: the SSE `id` that names one position of one log. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCursor, isResetReason, parseCursor, parseFrom } from "./cursor.ts";
import type { Cursor, From } from "./cursor.ts";

const nanoid = "V1StGXR8_Z5jdHi6B-myT";

describe("a cursor", () => {
  test.each<[string, Cursor]>([
    ["log-0", { log: "log", seq: 0 }],
    ["log-7", { log: "log", seq: 7 }],
    [`${nanoid}-12`, { log: nanoid, seq: 12 }],
    ["a-b-c-3", { log: "a-b-c", seq: 3 }],
    ["a-1-2", { log: "a-1", seq: 2 }],
    ["a--1", { log: "a-", seq: 1 }],
    ["---1", { log: "--", seq: 1 }],
    ["_-1", { log: "_", seq: 1 }],
    ["log-9007199254740991", { log: "log", seq: Number.MAX_SAFE_INTEGER }],
  ])("P2: %s is parsed from its last dash and written the same", (text, cursor) => {
    expect(parseCursor(text)).toEqual(cursor);
    expect(formatCursor(cursor.log, cursor.seq)).toBe(text);
  });

  test.each([
    ["no text", ""],
    ["no seq", "log-"],
    ["no log", "-1"],
    ["no dash", "log"],
    ["a seq alone", "12"],
    ["a leading zero", "log-01"],
    ["a zero twice", "log-00"],
    ["a leading zero behind a log that ends in a seq", "log-1-01"],
    ["a sign", "log-+1"],
    ["a fraction", "log-1.5"],
    ["an exponent", "log-1e3"],
    ["a hexadecimal seq", "log-0x1"],
    ["a space before", " log-1"],
    ["a space behind", "log-1 "],
    ["a line break behind", "log-1\n"],
    ["a dot in the log", "lo.g-1"],
    ["a slash in the log", "lo/g-1"],
    ["a NUL", "lo\0g-1"],
    ["a letter outside ASCII", "lög-1"],
    ["a digit outside ASCII", "log-١"],
    ["a full-width dash", "log\uff0d1"],
    ["a seq over 2^53 - 1", "log-9007199254740992"],
    ["a seq of 17 digits", "log-10000000000000000"],
  ])("with %s is no cursor of any log", (_, text) => {
    expect(parseCursor(text)).toBeUndefined();
  });

  test("P6: has at most 64 bytes", () => {
    expect(parseCursor(`${"a".repeat(62)}-1`)).toEqual({ log: "a".repeat(62), seq: 1 });
    expect(parseCursor(`${"a".repeat(63)}-1`)).toBeUndefined();
    expect(parseCursor(`${"-".repeat(100_000)}1`)).toBeUndefined();
  });

  test("P2: of any log and seq is read as it was written", () => {
    const log = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
    fc.assert(
      fc.property(log, fc.maxSafeNat(), (name, seq) => {
        expect(parseCursor(formatCursor(name, seq))).toEqual({ log: name, seq });
      }),
    );
  });
});

describe("a Last-Event-ID or from value", () => {
  test.each<[string, string | null, From]>([
    ["absent, starts at the start", null, { kind: "start" }],
    ["empty, starts at the start", "", { kind: "start" }],
    ["of zero, is the seq before the first event", "0", { kind: "seq", seq: 0 }],
    ["of digits, is a seq", "12", { kind: "seq", seq: 12 }],
    ["of the largest seq, is a seq", "9007199254740991", { kind: "seq", seq: Number.MAX_SAFE_INTEGER }],
    ["of a seq over 2^53 - 1, is unknown", "9007199254740992", { kind: "unknown" }],
    ["of a seq with a leading zero, is unknown", "01", { kind: "unknown" }],
    ["of a negative seq, is unknown", "-1", { kind: "unknown" }],
    ["of a cursor, is one", `${nanoid}-12`, { kind: "cursor", log: nanoid, seq: 12 }],
    ["of a cursor at the start, is one", "log-0", { kind: "cursor", log: "log", seq: 0 }],
    ["of a cursor over 64 bytes, is unknown", `${"a".repeat(63)}-1`, { kind: "unknown" }],
    ["of a space, is unknown", " ", { kind: "unknown" }],
    ["of somebody else's id, is unknown", "event:42", { kind: "unknown" }],
    ["outside ASCII, is unknown", "журнал-1", { kind: "unknown" }],
  ])("P2: %s, never skipped silently", (_, text, from) => {
    expect(parseFrom(text)).toEqual(from);
  });
});

test("a reset reason is one of four words", () => {
  expect(["unknown", "foreign", "beyond-end", "truncated"].every(isResetReason)).toBe(true);
  expect(["", "start", "Unknown", "toString"].some(isResetReason)).toBe(false);
});
