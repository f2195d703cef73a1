/** Fuzzing of the JSON messages: any text is read to what it says, or refused with a known code. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readEnding, readReset } from "../../client/wire.ts";
import { parseConsumeRequest, parseCredit, parseToConsumer } from "../../protocol/consumer-frames.ts";
import { formatCursor, parseCursor } from "../../protocol/cursor.ts";
import { isErrorCode } from "../../protocol/errors.ts";
import { parseInvocation } from "../../protocol/invocation.ts";
import { parseToObject, parseToProducer } from "../../protocol/producer-messages.ts";
import { isOutcome } from "../../protocol/sse.ts";
import { everyCase } from "./cases.ts";
import { damagedText, jsonWith } from "./damage.ts";
import { consumeRequest, credit, toConsumer, toObject, toProducer } from "./messages.ts";
import { fuzz } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import { anyText } from "./text.ts";

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(undefined, null, -0, 1.5, -1, 2 ** 53, "", "failed", 199, 600, [["a"]], [["a", 1]], [["a", "b", "c"]], { toString: 1, valueOf: 1 }),
);
const piece = fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "0", "-", "e9", "null", "true", "\\u0000", '"__proto__":{}', " ", "\uD83D");

/** A valid message, one with a node that is something else, or one whose text is damaged. */
function textsOf(valid: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const whole = valid.map((message) => JSON.stringify(message));
  return fc.oneof(
    whole,
    { weight: 3, arbitrary: fc.tuple(valid, fc.nat(24), strange).map(([message, at, put]) => jsonWith(message, at, put)) },
    damagedText(whole, piece),
  );
}

/** Whether what was read is what is written, and its numbers are counts. An absent field is null, and a failure may be one of which less is known. */
function agrees(read: unknown, written: unknown, field = ""): boolean {
  if (read === null) return written === null || written === undefined;
  if (field === "code" && !isErrorCode(written)) return read === "handler-failed" && typeof written === "string";
  if (field === "message" && typeof read === "string" && typeof written === "string") return written.startsWith(read);
  if (typeof read === "number") return Number.isSafeInteger(read) && read >= 0 && read === written;
  if (typeof read !== "object" || typeof written !== "object" || written === null) return read === written;
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(written));
  return (!Array.isArray(read) || read.length === fields.size) && Object.entries(read).every(([name, value]) => agrees(value, fields.get(name), name));
}

const knownCodes = ["protocol-error", "frame-too-large", "checkpoint-too-large"];

function saysWhatItSays<T>(parse: (text: string) => T): (outcome: Outcome<T>, text: string) => void {
  return (outcome, text) => {
    if (outcome.kind === "refused") {
      expect(knownCodes).toContain(outcome.code);
      return;
    }
    expect(agrees(outcome.value, JSON.parse(text))).toBe(true);
    const again = JSON.stringify(outcome.value);
    expect(JSON.stringify(parse(again))).toBe(again);
  };
}

const parsers: readonly (readonly [string, fc.Arbitrary<unknown>, (text: string) => unknown])[] = [
  ["a producer's message", toObject, parseToObject],
  ["a message to a producer", toProducer, parseToProducer],
  ["a message to a consumer", toConsumer, parseToConsumer],
  ["a consume request", consumeRequest, parseConsumeRequest],
  ["a credit", credit, parseCredit],
];

test.each(parsers)("%s, whatever its text, says what it says or is refused", (_, valid, parse) => {
  expect(fuzz(textsOf(valid), parse, saysWhatItSays(parse))).toBeGreaterThan(0);
});

test.each(parsers)("%s that is valid is read as it was written", (_, valid, parse) => {
  fc.assert(
    fc.property(valid, (message) => {
      expect(JSON.stringify(parse(JSON.stringify(message)))).toBe(JSON.stringify(message));
    }),
    everyCase,
  );
});

test("an event of Lambda, whatever it is, is an invocation or a bad request", () => {
  const invocation = fc.record({ longstream: fc.constant(1), stream: anyText(8), attempt: fc.integer({ min: 1 }), url: anyText(8), ticket: anyText(8) });
  const viaUrl = fc.record({
    requestContext: fc.constant({}),
    rawPath: fc.constant("/"),
    body: textsOf(invocation).chain((text) => fc.constantFrom(text, Buffer.from(text).toString("base64"))),
    isBase64Encoded: fc.boolean(),
  });
  const events = textsOf(fc.oneof(invocation, viaUrl)).filter(isJson).map((text): unknown => JSON.parse(text));
  const rarer = fuzz(events, parseInvocation, (outcome) => {
    if (outcome.kind === "refused") expect(outcome.code).toBe("bad-request");
    else expect(parseInvocation(outcome.value)).toEqual(outcome.value);
  });
  expect(rarer).toBeGreaterThan(0);
});

test("an end that the gateway tells a page, whatever it is, is read or refused", () => {
  const ending = fc.record({
    outcome: fc.constantFrom("completed", "failed", "cancelled", "expired", null),
    error: fc.record({ code: fc.constantFrom("expired", "x"), message: anyText(6) }),
    lastSeq: fc.nat(),
  });
  const rarer = fuzz(textsOf(ending), readEnding, (outcome) => {
    if (outcome.kind === "refused") {
      expect(outcome.code).toBe("protocol-error");
      return;
    }
    const { outcome: told, error } = outcome.value;
    expect([told === null || isOutcome(told), error === null]).toEqual([true, told !== "failed" && told !== "expired"]);
  });
  expect(rarer).toBeGreaterThan(0);
});

test("a reset that the gateway tells a page, whatever it is, names a cursor or is refused", () => {
  const first = fc.tuple(fc.constantFrom("a", "a-b"), fc.nat()).map(([log, seq]) => formatCursor(log, seq));
  const reset = fc.record({ reason: fc.constantFrom("unknown", "foreign", "beyond-end", "truncated"), first });
  const rarer = fuzz(textsOf(reset), readReset, (outcome) => {
    if (outcome.kind === "refused") expect(outcome.code).toBe("protocol-error");
    else expect(parseCursor(outcome.value.first)).toBeDefined();
  });
  expect(rarer).toBeGreaterThan(0);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
