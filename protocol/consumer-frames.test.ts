/** Owns the tests of what travels on a consumer socket. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEventsFrame, encodeEventsFrame, parseConsumeRequest, parseCredit, parseToConsumer } from "./consumer-frames.ts";
import type { ConsumeRequest, Credit, ToConsumer } from "./consumer-frames.ts";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";

const bytesHead = { status: 200, headers: [], mode: "bytes" } as const;
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

  test.each<[string, number[], string]>([
    ["empty", [], "it ends before its version"],
    ["of another version", [2, 1, 0, 0], "its version is 2, not 1"],
    ["cut in its first seq", [1, 0xac], "it ends before its first seq"],
    ["cut before its count", [1, 1], "it ends before its count"],
    ["with a last seq over 2^53 - 1", [1, 255, 255, 255, 255, 255, 255, 255, 15, 1, 0], "its last seq is over 2^53 - 1"],
    ["cut before its offset", [1, 1, 0], "it ends before its offset"],
  ])("%s is refused", (_, bytes, why) => {
    expect(() => decodeEventsFrame(Uint8Array.from(bytes))).toThrow(protocolError(`Cannot read the events frame: ${why}`));
  });
});

describe("a consume request", () => {
  test.each<[string, ConsumeRequest]>([
    [
      '{"from":{"kind":"start"},"range":null,"follow":"live","route":null,"opening":"first"}',
      { from: { kind: "start" }, range: null, follow: "live", route: null, opening: "first" },
    ],
    [
      '{"from":{"kind":"unknown"},"range":null,"follow":"live","route":"/a","opening":"again"}',
      { from: { kind: "unknown" }, range: null, follow: "live", route: "/a", opening: "again" },
    ],
    [
      '{"from":{"kind":"seq","seq":3},"range":null,"follow":"stored","route":null,"opening":"first"}',
      { from: { kind: "seq", seq: 3 }, range: null, follow: "stored", route: null, opening: "first" },
    ],
    [
      '{"from":{"kind":"cursor","log":"a-b","seq":0},"range":null,"follow":"live","route":"/a/*","opening":"first"}',
      { from: { kind: "cursor", log: "a-b", seq: 0 }, range: null, follow: "live", route: "/a/*", opening: "first" },
    ],
    [
      '{"from":{"kind":"start"},"range":{"kind":"from","first":0,"last":null},"follow":"live","route":null,"opening":"first"}',
      { from: { kind: "start" }, range: { kind: "from", first: 0, last: null }, follow: "live", route: null, opening: "first" },
    ],
    [
      '{"from":{"kind":"start"},"range":{"kind":"from","first":500,"last":999},"follow":"stored","route":null,"opening":"first"}',
      { from: { kind: "start" }, range: { kind: "from", first: 500, last: 999 }, follow: "stored", route: null, opening: "first" },
    ],
    [
      '{"from":{"kind":"start"},"range":{"kind":"suffix","length":500},"follow":"live","route":null,"opening":"first"}',
      { from: { kind: "start" }, range: { kind: "suffix", length: 500 }, follow: "live", route: null, opening: "first" },
    ],
  ])("P2: %s is read as it was written", (text, request) => {
    expect(parseConsumeRequest(text)).toEqual(request);
    expect(JSON.stringify(request)).toBe(text);
  });

  const whole = '{"from":{"kind":"cursor","log":"a","seq":1},"follow":"live","route":null,"opening":"first"}';
  const it = "Cannot read the consume request";
  const withRange = (range: object): string => whole.replace("{", `{"range":${JSON.stringify(range)},`);
  test.each<[string, string, string]>([
    ["from", whole.replace('{"kind":"cursor","log":"a","seq":1}', "7"), `${it}.from: it is not a JSON object`],
    ["from.kind", whole.replace("cursor", "tail"), `${it}.from: its field "kind" is not one of start, cursor, seq, unknown`],
    ["from.log", whole.replace('"log":"a",', ""), `${it}.from: its field "log" is not a string`],
    ["from.seq", whole.replace('"seq":1', '"seq":-1'), `${it}.from: its field "seq" is not an integer of at least 0`],
    ["follow", whole.replace("live", "later"), `${it}: its field "follow" is not one of live, stored`],
    ["route", whole.replace('"route":null', '"route":1'), `${it}: its field "route" is not a string`],
    ["opening", whole.replace("first", "third"), `${it}: its field "opening" is not one of first, again`],
    ["range", whole.replace("{", '{"range":7,'), `${it}.range: it is not a JSON object`],
    ["range.kind", withRange({ kind: "to" }), `${it}.range: its field "kind" is not one of from, suffix`],
    ["range.first", withRange({ kind: "from", last: 1 }), `${it}.range: its field "first" is not an integer of at least 0`],
    ["range.last", withRange({ kind: "from", first: 0, last: -1 }), `${it}.range: its field "last" is not an integer of at least 0`],
    ["range.length", withRange({ kind: "suffix", length: "5" }), `${it}.range: its field "length" is not an integer of at least 0`],
    ["text", "{", `${it}: it is not JSON`],
  ])("malformed in %s is refused by name", (_, text, message) => {
    expect(() => parseConsumeRequest(text)).toThrow(protocolError(message));
  });

  test("P5: of an older Worker, which knows no ranges, is read as one without a range", () => {
    expect(parseConsumeRequest(whole)).toEqual({ from: { kind: "cursor", log: "a", seq: 1 }, range: null, follow: "live", route: null, opening: "first" });
  });

  test("of a newer version, with a field that is not known yet, is read all the same", () => {
    expect(parseConsumeRequest(whole.replace("{", '{"later":true,'))).toEqual(parseConsumeRequest(whole));
  });
});

describe("a message to a consumer", () => {
  test.each<[string, ToConsumer]>([
    [
      '{"type":"start","log":"a-b","seq":3,"offset":120,"reset":null,"head":{"status":200,"headers":[["x-a","1"]],"mode":"events"},"extent":{"kind":"whole","bytes":null}}',
      { type: "start", log: "a-b", seq: 3, offset: 120, reset: null, head: { status: 200, headers: [["x-a", "1"]], mode: "events" }, extent: { kind: "whole", bytes: null } },
    ],
    [
      '{"type":"start","log":"a","seq":0,"offset":0,"reset":"foreign","head":{"status":404,"headers":[],"mode":"bytes"},"extent":{"kind":"whole","bytes":7}}',
      { type: "start", log: "a", seq: 0, offset: 0, reset: "foreign", head: { status: 404, headers: [], mode: "bytes" }, extent: { kind: "whole", bytes: 7 } },
    ],
    [
      '{"type":"start","log":"a","seq":5,"offset":5,"reset":null,"head":{"status":200,"headers":[],"mode":"bytes"},"extent":{"kind":"part","first":5,"last":null,"total":null}}',
      { type: "start", log: "a", seq: 5, offset: 5, reset: null, head: bytesHead, extent: { kind: "part", first: 5, last: null, total: null } },
    ],
    [
      '{"type":"start","log":"a","seq":5,"offset":5,"reset":null,"head":{"status":200,"headers":[],"mode":"bytes"},"extent":{"kind":"part","first":5,"last":9,"total":10}}',
      { type: "start", log: "a", seq: 5, offset: 5, reset: null, head: bytesHead, extent: { kind: "part", first: 5, last: 9, total: 10 } },
    ],
    ['{"type":"end","seq":9,"outcome":"completed","error":null}', { type: "end", seq: 9, outcome: "completed", error: null }],
    [
      '{"type":"end","seq":9,"outcome":"failed","error":{"code":"handler-failed","message":"broke"}}',
      { type: "end", seq: 9, outcome: "failed", error: { code: "handler-failed", message: "broke" } },
    ],
    ['{"type":"stored-end"}', { type: "stored-end" }],
    ['{"type":"complete","outcome":"cancelled"}', { type: "complete", outcome: "cancelled" }],
    ['{"type":"unsatisfiable","bytes":10,"outcome":null}', { type: "unsatisfiable", bytes: 10, outcome: null }],
    ['{"type":"unsatisfiable","bytes":0,"outcome":"failed"}', { type: "unsatisfiable", bytes: 0, outcome: "failed" }],
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
  const startWith = (changed: object): string =>
    JSON.stringify({ type: "start", log: "a", seq: 1, offset: 1, reset: null, head: bytesHead, extent: { kind: "whole", bytes: null }, ...changed });
  test.each<[string, string, string]>([
    ["type", '{"type":"begin"}', `${it}: its field "type" is not one of start, end, stored-end, complete, unsatisfiable`],
    ["start.head", '{"type":"start","log":"a","seq":1,"offset":1}', `${it}.head: it is not a JSON object`],
    ["start.head.status", startWith({ head: { status: 600, headers: [], mode: "bytes" } }), `${it}.head: its field "status" is not an HTTP status`],
    ["start.head.headers", startWith({ head: { status: 200, headers: "x-a", mode: "bytes" } }), `${it}.head: its field "headers" is not a list of [name, value]`],
    ["start.head.mode", startWith({ head: { status: 200, headers: [], mode: "rows" } }), `${it}.head: its field "mode" is not one of events, bytes`],
    ["start.extent", startWith({ extent: null }), `${it}.extent: it is not a JSON object`],
    ["start.extent.kind", startWith({ extent: { kind: "half" } }), `${it}.extent: its field "kind" is not one of whole, part`],
    ["start.extent.bytes", startWith({ extent: { kind: "whole", bytes: -1 } }), `${it}.extent: its field "bytes" is not an integer of at least 0`],
    ["start.extent.first", startWith({ extent: { kind: "part", last: 1, total: 2 } }), `${it}.extent: its field "first" is not an integer of at least 0`],
    ["start.extent.last", startWith({ extent: { kind: "part", first: 0, last: "1" } }), `${it}.extent: its field "last" is not an integer of at least 0`],
    ["start.extent.total", startWith({ extent: { kind: "part", first: 0, last: 1, total: 0.5 } }), `${it}.extent: its field "total" is not an integer of at least 0`],
    ["complete.outcome", '{"type":"complete","outcome":null}', `${it}: its field "outcome" is not a string`],
    ["unsatisfiable.bytes", '{"type":"unsatisfiable","outcome":null}', `${it}: its field "bytes" is not an integer of at least 0`],
    ["unsatisfiable.outcome", '{"type":"unsatisfiable","bytes":1,"outcome":"over"}', `${it}: its field "outcome" is not an outcome`],
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
