/** Owns the tests of what travels on a consumer socket. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEventsFrame, encodeEventsFrame, parseConsumeRequest, parseCredit, parseToConsumer } from "./consumer-frames.ts";
import type { ConsumeRequest, Credit, ToConsumer } from "./consumer-frames.ts";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";

const protocolError = (message: string): LongstreamError => new LongstreamError("protocol-error", message);

describe("an events frame", () => {
  test("is version, first seq, count less one, offset and the bytes as clients receive them", () => {
    const frame = { firstSeq: 300, lastSeq: 301, offset: 128, bytes: Uint8Array.of(7, 8, 9) };
    expect([...encodeEventsFrame(frame)]).toEqual([1, 0xac, 2, 1, 128, 1, 7, 8, 9]);
    expect(decodeEventsFrame(Uint8Array.of(1, 0xac, 2, 1, 128, 1, 7, 8, 9))).toEqual(frame);
  });

  test("of any events is read as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(), fc.maxSafeNat(), fc.uint8Array({ maxLength: 20 }), (firstSeq, more, offset, bytes) => {
        const frame = { firstSeq, lastSeq: firstSeq + more, offset, bytes };
        expect(decodeEventsFrame(encodeEventsFrame(frame))).toEqual(frame);
      }),
    );
  });

  test("of random bytes is read or refused with a LongstreamError, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const read = (): unknown => refusalOr(() => decodeEventsFrame(bytes));
        expect(read).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, number[], string]>([
    ["empty", [], "it ends before its version"],
    ["of another version", [2, 1, 0, 0], "its version is 2, not 1"],
    ["cut in its first seq", [1, 0xac], "it ends before its first seq"],
    ["cut before its count", [1, 1], "it ends before its count"],
    ["cut before its offset", [1, 1, 0], "it ends before its offset"],
  ])("%s is refused", (_, bytes, why) => {
    expect(() => decodeEventsFrame(Uint8Array.from(bytes))).toThrow(protocolError(`Cannot read the events frame: ${why}`));
  });
});

describe("a consume request", () => {
  test.each<[string, ConsumeRequest]>([
    ['{"from":{"kind":"start"},"follow":"live","route":null,"opening":"first"}', { from: { kind: "start" }, follow: "live", route: null, opening: "first" }],
    ['{"from":{"kind":"unknown"},"follow":"live","route":"/a","opening":"again"}', { from: { kind: "unknown" }, follow: "live", route: "/a", opening: "again" }],
    ['{"from":{"kind":"seq","seq":3},"follow":"stored","route":null,"opening":"first"}', { from: { kind: "seq", seq: 3 }, follow: "stored", route: null, opening: "first" }],
    [
      '{"from":{"kind":"cursor","log":"a-b","seq":0},"follow":"live","route":"/a/*","opening":"first"}',
      { from: { kind: "cursor", log: "a-b", seq: 0 }, follow: "live", route: "/a/*", opening: "first" },
    ],
  ])("P2: %s is read as it was written", (text, request) => {
    expect(parseConsumeRequest(text)).toEqual(request);
    expect(JSON.stringify(request)).toBe(text);
  });

  const whole = '{"from":{"kind":"cursor","log":"a","seq":1},"follow":"live","route":null,"opening":"first"}';
  const it = "Cannot read the consume request";
  test.each<[string, string, string]>([
    ["from", whole.replace('{"kind":"cursor","log":"a","seq":1}', "7"), `${it}.from: it is not a JSON object`],
    ["from.kind", whole.replace("cursor", "tail"), `${it}.from: its field "kind" is not one of start, cursor, seq, unknown`],
    ["from.log", whole.replace('"log":"a",', ""), `${it}.from: its field "log" is not a string`],
    ["from.seq", whole.replace('"seq":1', '"seq":-1'), `${it}.from: its field "seq" is not an integer of at least 0`],
    ["follow", whole.replace("live", "later"), `${it}: its field "follow" is not one of live, stored`],
    ["route", whole.replace('"route":null', '"route":1'), `${it}: its field "route" is not a string`],
    ["opening", whole.replace("first", "third"), `${it}: its field "opening" is not one of first, again`],
    ["text", "{", `${it}: it is not JSON`],
  ])("malformed in %s is refused by name", (_, text, message) => {
    expect(() => parseConsumeRequest(text)).toThrow(protocolError(message));
  });

  test("of a newer version, with a field that is not known yet, is read all the same", () => {
    expect(parseConsumeRequest(whole.replace("{", '{"later":true,'))).toEqual(parseConsumeRequest(whole));
  });
});

describe("a message to a consumer", () => {
  test.each<[string, ToConsumer]>([
    ['{"type":"start","log":"a-b","seq":3,"offset":120,"reset":null}', { type: "start", log: "a-b", seq: 3, offset: 120, reset: null }],
    ['{"type":"start","log":"a","seq":0,"offset":0,"reset":"foreign"}', { type: "start", log: "a", seq: 0, offset: 0, reset: "foreign" }],
    ['{"type":"end","seq":9,"outcome":"completed","error":null}', { type: "end", seq: 9, outcome: "completed", error: null }],
    [
      '{"type":"end","seq":9,"outcome":"failed","error":{"code":"handler-failed","message":"broke"}}',
      { type: "end", seq: 9, outcome: "failed", error: { code: "handler-failed", message: "broke" } },
    ],
    ['{"type":"stored-end"}', { type: "stored-end" }],
  ])("P3: %s is read as it was written", (text, message) => {
    expect(parseToConsumer(text)).toEqual(message);
    expect(JSON.stringify(message)).toBe(text);
  });

  test("P3: keeps an outcome whose error code only a newer object knows", () => {
    expect(parseToConsumer('{"type":"end","seq":9,"outcome":"failed","error":{"code":"later","message":"broke"}}')).toEqual({
      type: "end",
      seq: 9,
      outcome: "failed",
      error: { code: "handler-failed", message: "broke" },
    });
  });

  const it = "Cannot read the object's message";
  test.each<[string, string, string]>([
    ["type", '{"type":"begin"}', `${it}: its field "type" is not one of start, end, stored-end`],
    ["start.log", '{"type":"start","seq":3,"offset":120,"reset":null}', `${it}: its field "log" is not a string`],
    ["start.seq", '{"type":"start","log":"a","seq":0.5,"offset":120}', `${it}: its field "seq" is not an integer of at least 0`],
    ["start.offset", '{"type":"start","log":"a","seq":1}', `${it}: its field "offset" is not an integer of at least 0`],
    ["start.reset", '{"type":"start","log":"a","seq":1,"offset":1,"reset":"why"}', `${it}: its field "reset" is not a reset reason`],
    ["end.seq", '{"type":"end","outcome":"completed"}', `${it}: its field "seq" is not an integer of at least 0`],
    ["end.outcome", '{"type":"end","seq":1,"outcome":"over"}', `${it}: its field "outcome" is not an outcome`],
    ["end.error", '{"type":"end","seq":1,"outcome":"failed","error":"x"}', `${it}.error: it is not a JSON object`],
    ["end.error.code", '{"type":"end","seq":1,"outcome":"failed","error":{"message":"x"}}', `${it}.error: its field "code" is not a string`],
    ["end.error.message", '{"type":"end","seq":1,"outcome":"failed","error":{"code":"expired"}}', `${it}.error: its field "message" is not a string`],
  ])("malformed in %s is refused by name", (_, text, message) => {
    expect(() => parseToConsumer(text)).toThrow(protocolError(message));
  });

  test("P6: carries an error message of at most maxErrorChars", () => {
    const error = { code: "handler-failed", message: "x".repeat(limits.maxErrorChars + 1) };
    const read = parseToConsumer(JSON.stringify({ type: "end", seq: 1, outcome: "failed", error }));
    expect(read).toMatchObject({ error: { message: "x".repeat(limits.maxErrorChars) } });
  });
});

describe("a credit", () => {
  test("P6: is an absolute offset", () => {
    const credit: Credit = { type: "credit", upTo: 262_144 };
    expect(parseCredit('{"type":"credit","upTo":262144}')).toEqual(credit);
    expect(JSON.stringify(credit)).toBe('{"type":"credit","upTo":262144}');
  });

  test.each<[string, string]>([
    ['{"type":"debit","upTo":1}', `its field "type" is not one of credit`],
    ['{"type":"credit"}', `its field "upTo" is not an integer of at least 0`],
    ['{"type":"credit","upTo":-1}', `its field "upTo" is not an integer of at least 0`],
    ['{"type":"credit","upTo":"1"}', `its field "upTo" is not an integer of at least 0`],
    ["[]", "it is not a JSON object"],
    ["ping", "it is not JSON"],
  ])("%s is refused by name", (text, why) => {
    expect(() => parseCredit(text)).toThrow(protocolError(`Cannot read the Worker's message: ${why}`));
  });
});

function refusalOr<T>(read: () => T): T | "refused" {
  try {
    return read();
  } catch (error) {
    if (error instanceof LongstreamError) return "refused";
    throw error;
  }
}
