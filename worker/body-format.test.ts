/** Owns the tests of how a log becomes a body. */

import { describe, expect, test } from "vitest";
import type { ConsumerEnd, ConsumerStart } from "../protocol/consumer-frames.ts";
import { byteFormat, eventFormat } from "./body-format.ts";

const decoder = new TextDecoder();
const start: ConsumerStart = {
  type: "start",
  log: "log",
  seq: 3,
  offset: 3,
  reset: null,
  head: { status: 200, headers: [], mode: "events" },
  extent: { kind: "whole", bytes: null },
};
const end: ConsumerEnd = { type: "end", seq: 9, outcome: "failed", error: { code: "handler-failed", message: "broke" } };
/** Bytes 11 to 15 of a log. */
const frame = { firstSeq: 11, lastSeq: 15, offset: 10, bytes: new TextEncoder().encode("abcde") };

describe("a body of bytes", () => {
  test.each<[string, number | null, string]>([
    ["that ends with the stream is all of a frame", null, "abcde"],
    ["whose end is behind a frame is all of it", 16, "abcde"],
    ["whose end is a frame's end is all of it", 15, "abcde"],
    ["whose end is inside a frame is what is before it", 14, "abcd"],
    ["whose end is a frame's first byte is that byte", 11, "a"],
    ["whose end is before a frame is nothing of it", 10, ""],
    ["whose end is far before a frame is nothing of it", 2, ""],
  ])("P2: %s", (_, until, text) => {
    expect(decoder.decode(byteFormat(until).cut(frame))).toBe(text);
  });

  test("has nothing around the bytes: no opening, no heartbeat, no end", () => {
    const format = byteFormat(null);
    expect([format.opening(start), format.opening({ ...start, reset: "foreign" }), format.heartbeat, format.closing(end, "log")]).toEqual(["", "", "", ""]);
  });

  test("knows its end", () => {
    expect([byteFormat(null).until, byteFormat(0).until, byteFormat(7).until]).toEqual([null, 0, 7]);
  });
});

describe("a body of events", () => {
  const toEventSource = eventFormat({ retryMs: 1_500, controls: "events", reset: null });
  const toOthers = eventFormat({ retryMs: 1_500, controls: "comments", reset: null });
  const preamble = ": longstream\nretry: 1500\nid: log-3\n\n";

  test("opens with a comment, the retry and the cursor", () => {
    expect(toEventSource.opening(start)).toBe(preamble);
    expect(toOthers.opening(start)).toBe(preamble);
  });

  test("tells of a reset in an event, or in a comment for those who did not ask for events", () => {
    const told = '{"reason":"beyond-end","first":"log-3"}';
    expect(toEventSource.opening({ ...start, reset: "beyond-end" })).toBe(`${preamble}event: longstream.reset\ndata: ${told}\n\n`);
    expect(toOthers.opening({ ...start, reset: "beyond-end" })).toBe(`${preamble}: longstream.reset ${told}\n\n`);
  });

  test("tells a reader who was given another stream so, whatever that stream says", () => {
    const foreign = eventFormat({ retryMs: 1_500, controls: "events", reset: "foreign" });
    for (const reset of [null, "unknown"] as const) {
      expect(foreign.opening({ ...start, reset })).toBe(`${preamble}event: longstream.reset\ndata: {"reason":"foreign","first":"log-3"}\n\n`);
    }
  });

  test("is every frame whole, has a heartbeat, and ends with the stream alone", () => {
    expect(toOthers.cut(frame)).toBe(frame.bytes);
    expect([toOthers.heartbeat, toOthers.until]).toEqual([":\n\n", null]);
  });

  test("tells of the end those who asked for events", () => {
    const data = '{"outcome":"failed","error":{"code":"handler-failed","message":"broke"}}';
    expect(toEventSource.closing(end, "log")).toBe(`event: longstream.end\ndata: ${data}\nid: log-9\n\n`);
    expect(toOthers.closing(end, "log")).toBe("");
  });
});
