/** Owns the tests of the error table and of what is told of an error. */

import { describe as group, expect, test } from "vitest";
import { LongstreamError, closeReason, describe, errorOfClose, errorTable, isErrorCode, toProblem } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import { limits } from "./limits.ts";

/** Status, close code, whether to retry: as documented, and complete by its type. */
const documented: Record<ErrorCode, [status: number, close: number, retry: boolean]> = {
  "bad-request": [400, 4400, false],
  "bad-config": [500, 4400, false],
  "bad-ticket": [401, 4400, false],
  "route-not-found": [404, 4404, false],
  "stream-not-found": [404, 4404, false],
  "method-not-allowed": [405, 4400, false],
  "upgrade-required": [426, 4400, false],
  "request-too-large": [413, 4413, false],
  "upload-broken": [400, 1000, false],
  "url-too-long": [414, 4413, false],
  "headers-too-large": [431, 4413, false],
  "stream-exists": [409, 4400, false],
  "range-not-satisfiable": [416, 4400, false],
  "head-timeout": [504, 1006, true],
  unavailable: [503, 1006, true],
  "too-many-readers": [503, 4413, true],
  fenced: [409, 4409, false],
  "protocol-error": [400, 4400, false],
  "seq-gap": [400, 4400, true],
  "frame-too-large": [413, 4413, false],
  "event-too-large": [413, 4413, false],
  "stream-too-large": [413, 4413, false],
  "checkpoint-too-large": [413, 4413, false],
  "bad-event": [502, 1000, false],
  "bad-handler-result": [502, 1000, false],
  "handler-failed": [502, 1000, false],
  "replay-diverged": [502, 1000, false],
  "invoke-failed": [502, 1000, false],
  "upstream-dropped": [502, 1000, false],
  "attempts-exhausted": [502, 1000, false],
  expired: [504, 1000, false],
  cancelled: [410, 1000, false],
};
const codes = Object.keys(documented).filter(isErrorCode);

group("an error", () => {
  test.each(codes)("%s gives its documented status, close code and problem details", (code) => {
    const [status, close, retry] = documented[code];
    expect(errorTable[code]).toEqual({ status, close, retry });
    expect(toProblem(new LongstreamError(code, "Cannot go on: a reason"))).toEqual({
      type: `urn:longstream:error:${code}`,
      title: code.replaceAll("-", " "),
      status,
      detail: "Cannot go on: a reason",
      code,
    });
  });

  test("has a code of the table and no other", () => {
    expect(new Set(Object.keys(errorTable))).toEqual(new Set(codes));
    expect(["", "unknown", "toString", "__proto__", "Fenced"].some(isErrorCode)).toBe(false);
  });

  test("carries its name, its code, its message and its cause", () => {
    const cause = new TypeError("below");
    const error = new LongstreamError("fenced", "Cannot write: replaced", { cause });
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.message, error.cause]).toEqual(["LongstreamError", "fenced", "Cannot write: replaced", cause]);
    expect(String(error)).toBe("LongstreamError: Cannot write: replaced");
  });
});

group("the description of what was thrown", () => {
  test.each<[string, unknown, string]>([
    ["an error is its message", new TypeError("no such key"), "no such key"],
    ["an error without a message is its name", new RangeError(""), "RangeError"],
    ["a text is itself", "broke", "broke"],
    ["a number is written out", 42, "42"],
    ["undefined is written out", undefined, "undefined"],
    ["null is written out", null, "null"],
    ["a symbol is written out", Symbol("s"), "Symbol(s)"],
    ["an object is at least text", { code: 1 }, "[object Object]"],
  ])("of %s", (_, thrown, text) => {
    expect(describe(thrown, 100)).toBe(text);
  });

  test.each<[string, unknown]>([
    ["an object without a prototype", Object.create(null)],
    ["an object whose toString throws", { toString: () => { throw new Error("again"); } }],
    ["an error whose message is no text", Object.assign(new Error("x"), { message: { detail: "nested" } })],
  ])("of %s is text all the same, since a failure must be told", (_, thrown) => {
    expect(typeof describe(thrown, 100)).toBe("string");
  });

  test("P6: is cut with an ellipsis, and at most as long as it may be", () => {
    expect(describe("x".repeat(10), 10)).toBe("x".repeat(10));
    expect(describe("x".repeat(11), 10)).toMatch(/^x+…$/);
    expect(describe("x".repeat(limits.maxErrorChars * 2), limits.maxErrorChars).length).toBeLessThanOrEqual(limits.maxErrorChars);
    expect(describe(new Error("x".repeat(11)), 10).length).toBeLessThanOrEqual(10);
  });
});

group("a close reason", () => {
  test.each(codes)("of %s gives the error back to the other side", (code) => {
    const error = new LongstreamError(code, "Cannot go on: it says: no");
    expect(closeReason(error)).toBe(`${code}: Cannot go on: it says: no`);
    expect(errorOfClose(closeReason(error))).toEqual(error);
  });

  test.each(["", "done", "closed", "cancelled", "fenced", "expired", "Cannot store event 1", "attempt 1 was replaced", "the stream has ended: failed", "toString: x", ": x"])(
    "%j names no error",
    (reason) => {
      expect(errorOfClose(reason)).toBeNull();
    },
  );
});
