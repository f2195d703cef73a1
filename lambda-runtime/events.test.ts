/** Owns the tests of what a handler may yield. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { encodeEvent } from "./events.ts";

describe("an event may be", () => {
  test.each<[string, unknown, string, string | null]>([
    ["a string", "hello", "data: hello\n", null],
    ["an empty string", "", "data: \n", null],
    ["a string of lines", "a\nb", "data: a\ndata: b\n", null],
    ["data", { data: "hello" }, "data: hello\n", null],
    ["named", { event: "delta", data: "hello" }, "event: delta\ndata: hello\n", null],
    ["without a name, explicitly", { event: undefined, data: "a", id: undefined }, "data: a\n", null],
    ["an object, sent as JSON", { data: { n: 1, s: "a\nb" } }, 'data: {"n":1,"s":"a\\nb"}\n', null],
    ["a list, sent as JSON", { data: [1, null] }, "data: [1,null]\n", null],
    ["a number, sent as JSON", { data: 7 }, "data: 7\n", null],
    ["null, sent as JSON", { data: null }, "data: null\n", null],
    ["false, sent as JSON", { data: false }, "data: false\n", null],
    ["with its own id, which readers do not get", { data: "a", id: "src-9" }, "data: a\n", "src-9"],
    ["with an empty id, which takes the one before away", { data: "a", id: "" }, "data: a\n", ""],
    ["with fields nobody asked for", { data: "a", retry: 5 }, "data: a\n", null],
    ["text outside ASCII", "é😀", "data: é😀\n", null],
  ])("%s", (_, value, payload, sourceId) => {
    const encoded = encodeEvent(value);
    expect(new TextDecoder().decode(encoded.payload)).toBe(payload);
    expect(encoded.sourceId).toBe(sourceId);
  });

  test("P6: up to maxEventBytes, with an id up to maxSourceIdBytes", () => {
    const data = "x".repeat(limits.maxEventBytes - "data: \n".length);
    expect(encodeEvent(data).payload.length).toBe(limits.maxEventBytes);
    expect(encodeEvent({ data: "a", id: "é".repeat(limits.maxSourceIdBytes / 2) }).sourceId).toHaveLength(limits.maxSourceIdBytes / 2);
  });
});

describe("an event may not be", () => {
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a number", 7, "number"],
    ["a function", () => "a", "function"],
    ["bytes", new Uint8Array(1), "[object Uint8Array]"],
    ["a promise", Promise.resolve("a"), "[object Promise]"],
    ["without data", { event: "delta" }, "[object Object]"],
    ["named by a number", { event: 5, data: "a" }, "[object Object]"],
    ["named by null", { event: null, data: "a" }, "[object Object]"],
    ["with an id that is a number", { data: "a", id: 9 }, "[object Object]"],
  ])("%s", (_, value, name) => {
    expect(() => encodeEvent(value)).toThrow(
      new LongstreamError("bad-event", `Cannot write what the handler yielded (${name}): an event is a string or {event?, data, id?}`),
    );
  });

  test.each<[string, unknown, string]>([
    ["undefined data", undefined, "undefined"],
    ["a function as data", () => 1, "function"],
    ["a symbol as data", Symbol("s"), "symbol"],
  ])("%s, which has no JSON form", (_, data, name) => {
    expect(() => encodeEvent({ data })).toThrow(
      new LongstreamError("bad-event", `Cannot write an event whose data is ${name}: it has no JSON form`),
    );
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  test.each<[string, unknown]>([
    ["a bigint as data", 7n],
    ["a bigint inside data", { n: 7n }],
    ["data that contains itself", circular],
  ])("%s, which JSON.stringify throws on: a bad-event all the same", (_, data) => {
    expect(() => encodeEvent({ data })).toThrow(LongstreamError);
  });

  test("named with a line break, or like the gateway's own", () => {
    expect(() => encodeEvent({ event: "a\nb", data: "x" })).toThrow(
      new LongstreamError("bad-event", String.raw`Cannot write the event named "a\nb": an event name must not contain CR, LF or NUL`),
    );
    expect(() => encodeEvent({ event: "longstream.end", data: "x" })).toThrow(
      new LongstreamError("bad-event", 'Cannot write the event named "longstream.end": names that start with "longstream." are the gateway\'s own'),
    );
  });

  test("P6: over maxEventBytes, or with an id over maxSourceIdBytes", () => {
    expect(() => encodeEvent("x".repeat(limits.maxEventBytes - "data: \n".length + 1))).toThrow(
      new LongstreamError("event-too-large", "Cannot write an event of 1048321 bytes: the limit is 1048320; split it, or send a link to it"),
    );
    expect(() => encodeEvent({ data: "a", id: `${"é".repeat(limits.maxSourceIdBytes / 2)}x` })).toThrow(
      new LongstreamError("bad-event", "Cannot keep an event id of 1025 bytes: the limit is 1024"),
    );
  });
});
