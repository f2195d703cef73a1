/** Owns the tests of server-sent events as bytes. */

import { createParser } from "eventsource-parser";
import type { EventSourceMessage } from "eventsource-parser";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";
import {
  checkEventBytes,
  endEvent,
  eventLines,
  heartbeat,
  idPrefix,
  idSuffix,
  isOutcome,
  preamble,
  resetComment,
  resetEvent,
  retryDelayMs,
} from "./sse.ts";

describe("the lines of an event", () => {
  test.each<[string, string | undefined, string, string]>([
    ["data alone", undefined, "hello", "data: hello\n"],
    ["a name", "delta", "hello", "event: delta\ndata: hello\n"],
    ["an empty name, which is none", "", "hello", "data: hello\n"],
    ["empty data", undefined, "", "data: \n"],
    ["a name and empty data", "delta", "", "event: delta\ndata: \n"],
    ["LF", undefined, "a\nb", "data: a\ndata: b\n"],
    ["CR", undefined, "a\rb", "data: a\ndata: b\n"],
    ["CRLF, one break", undefined, "a\r\nb", "data: a\ndata: b\n"],
    ["LFCR, two breaks", undefined, "a\n\rb", "data: a\ndata: \ndata: b\n"],
    ["CRCRLF, two breaks", undefined, "a\r\r\nb", "data: a\ndata: \ndata: b\n"],
    ["a break at either end", undefined, "\na\n", "data: \ndata: a\ndata: \n"],
    ["a lone CR", undefined, "\r", "data: \ndata: \n"],
    ["an empty line inside", undefined, "a\n\nb", "data: a\ndata: \ndata: b\n"],
    ["data that looks like fields", undefined, "x\nid: 9\nevent: y\n\n", "data: x\ndata: id: 9\ndata: event: y\ndata: \ndata: \n"],
    ["a leading space", undefined, " a", "data:  a\n"],
    ["a leading colon", undefined, ": a", "data: : a\n"],
    ["line breaks of Unicode, which are none here", undefined, "a\u2028b\u0085c", "data: a\u2028b\u0085c\n"],
    ["a name with a colon and spaces", " a: b ", "x", "event:  a: b \ndata: x\n"],
  ])("hold %s", (_, event, data, lines) => {
    expect(eventLines(event, data)).toBe(lines);
  });

  test.each([
    ["CR", "a\rb", String.raw`"a\rb"`],
    ["LF", "a\nb", String.raw`"a\nb"`],
    ["CRLF", "\r\n", String.raw`"\r\n"`],
    ["NUL", "a\0b", String.raw`"a\u0000b"`],
    ["LF behind a long name, which is cut", `${"x".repeat(200)}\n`, `"${"x".repeat(80)}"`],
  ])("refuse a name with %s, and say which", (_, event, shown) => {
    expect(() => eventLines(event, "x")).toThrow(
      new LongstreamError("bad-event", `Cannot write the event named ${shown}: an event name must not contain CR, LF or NUL`),
    );
  });

  test.each(["longstream.", "longstream.end", "longstream.reset", "longstream.mine"])("refuse the reserved name %s", (event) => {
    expect(() => eventLines(event, "x")).toThrow(
      new LongstreamError("bad-event", `Cannot write the event named "${event}": names that start with "longstream." are the gateway's own`),
    );
  });

  test.each(["longstream", "Longstream.end", "my.longstream.end"])("allow %s, which only resembles a reserved name", (event) => {
    expect(eventLines(event, "x")).toBe(`event: ${event}\ndata: x\n`);
  });
});

describe("an event in the log", () => {
  const log = "V1StGXR8_Z5jdHi6B-myT";
  const stored = (events: readonly { event?: string | undefined; data: string }[]): string =>
    events.map(({ event, data }, index) => `${eventLines(event, data)}${idPrefix(log)}${index + 1}\n\n`).join("");

  test("has its id last, then the blank line", () => {
    expect(stored([{ event: "delta", data: "a\nb" }])).toBe(`event: delta\ndata: a\ndata: b\nid: ${log}-1\n\n`);
    expect(`${eventLines(undefined, "a").slice(0, -1)}${idSuffix(log, 1)}`).toBe(stored([{ data: "a" }]));
  });

  const events = [
    { event: "delta", data: "ä€😀" },
    { data: "" },
    { data: "a\r\nb\rc\nd" },
    { event: "é", data: " : id: 9" },
    { data: '{"k":"\\n"}' },
  ];
  const text = preamble(1_500, log, 0) + stored(events) + heartbeat + endEvent(log, events.length, "completed", null);
  const expected = [
    { event: "delta", id: `${log}-1`, data: "ä€😀" },
    { event: undefined, id: `${log}-2`, data: "" },
    { event: undefined, id: `${log}-3`, data: "a\nb\nc\nd" },
    { event: "é", id: `${log}-4`, data: " : id: 9" },
    { event: undefined, id: `${log}-5`, data: '{"k":"\\n"}' },
    { event: "longstream.end", id: `${log}-5`, data: '{"outcome":"completed"}' },
  ];

  test("P2: reaches a client whole over every split into two chunks", () => {
    const { length } = new TextEncoder().encode(text);
    for (let at = 0; at <= length; at++) expect(parse(text, [at])).toEqual(expected);
  });

  test("P2: reaches a client whole a byte at a time", () => {
    const { length } = new TextEncoder().encode(text);
    expect(parse(text, Array.from({ length }, (_, at) => at))).toEqual(expected);
  });

  test("P2: reaches a client whole whatever its name, its data and the chunks", () => {
    const name = textOf(" ", ":", "a", "é", "😀", "\u2028", "\u007f", "\ufeff");
    const data = textOf(" ", ":", "a", "é", "😀", "\u2028", "\0", "\ufeff", "\r", "\n", "\r\n", "data: ", "id: 9");
    fc.assert(
      fc.property(fc.array(fc.record({ event: name, data }), { maxLength: 5 }), fc.array(fc.nat(40)), (produced, sizes) => {
        const read = parse(preamble(1_000, log, 0) + stored(produced), cutsOf(sizes));
        expect(read).toEqual(
          produced.map((one, index) => ({
            event: one.event === "" ? undefined : one.event,
            id: `${log}-${index + 1}`,
            data: one.data.replaceAll(/\r\n|\r/g, "\n"),
          })),
        );
      }),
      { numRuns: 200 },
    );
  });

  test("P2: cut off anywhere, shows a client no event that is not whole", () => {
    const bytes = new TextEncoder().encode(stored([{ event: "a", data: "1\n2" }, { data: "3" }]));
    const whole = [
      { event: "a", id: `${log}-1`, data: "1\n2" },
      { event: undefined, id: `${log}-2`, data: "3" },
    ];
    for (let at = 0; at < bytes.length; at++) {
      const seen = parseBytes([bytes.subarray(0, at)]);
      expect(seen).toEqual(whole.slice(0, seen.length));
      expect(seen.length).toBeLessThan(2);
    }
  });
});

describe("what the gateway itself says", () => {
  test("opens with a comment, the reconnect delay and the cursor before the first event, and dispatches nothing", () => {
    const opening = preamble(1_234, "a-b", 7);
    expect(opening).toBe(": longstream\nretry: 1234\nid: a-b-7\n\n");
    expect(parse(opening, [])).toEqual([]);
  });

  test("after silence is a comment without an id", () => {
    expect(heartbeat).toBe(":\n\n");
  });

  test("P3: at the end is the outcome under the last cursor", () => {
    expect(endEvent("log", 7, "completed", null)).toBe('event: longstream.end\ndata: {"outcome":"completed"}\nid: log-7\n\n');
    expect(endEvent("a-b", 0, "failed", { code: "handler-failed", message: "broke\nhere" })).toBe(
      'event: longstream.end\ndata: {"outcome":"failed","error":{"code":"handler-failed","message":"broke\\nhere"}}\nid: a-b-0\n\n',
    );
  });

  test("P2: on a reset is the reason and the first cursor, and moves no cursor", () => {
    const reset = { reason: "beyond-end", first: "log-0" } as const;
    expect(resetEvent(reset)).toBe('event: longstream.reset\ndata: {"reason":"beyond-end","first":"log-0"}\n\n');
    expect(resetComment(reset)).toBe(': longstream.reset {"reason":"beyond-end","first":"log-0"}\n\n');
    expect(parse(resetEvent(reset), [])).toEqual([{ event: "longstream.reset", id: undefined, data: '{"reason":"beyond-end","first":"log-0"}' }]);
    expect(parse(resetComment(reset), [])).toEqual([]);
  });

  test("spreads reconnects over 1 to 3 seconds", () => {
    expect([0, 0.5, 0.999_999].map((random) => retryDelayMs(() => random))).toEqual([1_000, 2_000, 2_999]);
  });

  test("knows four outcomes", () => {
    expect(["completed", "failed", "cancelled", "expired"].every(isOutcome)).toBe(true);
    expect(["", "ended", "constructor"].some(isOutcome)).toBe(false);
  });
});

test("P6: an event has at most maxEventBytes", () => {
  expect(() => checkEventBytes(limits.maxEventBytes)).not.toThrow();
  expect(() => checkEventBytes(limits.maxEventBytes + 1)).toThrow(
    new LongstreamError("event-too-large", "Cannot write an event of 1048321 bytes: the limit is 1048320; split it, or send a link to it"),
  );
});

/** As a client reads it: bytes cut at the offsets, decoded as a stream, parsed. */
function parse(text: string, cuts: readonly number[]): { event: string | undefined; id: string | undefined; data: string }[] {
  const bytes = new TextEncoder().encode(text);
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
  return parseBytes(edges.slice(1).map((end, index) => bytes.subarray(edges[index], end)));
}

function parseBytes(chunks: readonly Uint8Array[]): { event: string | undefined; id: string | undefined; data: string }[] {
  const seen: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => seen.push(event) });
  const decoder = new TextDecoder();
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return seen.map(({ event, id, data }) => ({ event, id, data }));
}

/** Chunk sizes as offsets. */
function cutsOf(sizes: readonly number[]): readonly number[] {
  let end = 0;
  return sizes.map((size) => (end += size));
}

function textOf(...parts: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((chosen) => chosen.join(""));
}
