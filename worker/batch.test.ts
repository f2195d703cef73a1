/** Owns the tests of the events that are received and not yet committed. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { Batch } from "./batch.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const start = { seq: 0, digest: "0000000000000000", sourceId: "" };
const frameOf = (firstSeq: number, ...payloads: string[]): ReceivedFrame => ({
  mode: "events",
  firstSeq,
  lastSeq: firstSeq + payloads.length - 1,
  digest: `digest-after-${firstSeq + payloads.length - 1}`,
  sourceId: `source-${firstSeq + payloads.length - 1}`,
  payloads: payloads.map((payload) => encoder.encode(payload)),
});
/** A frame of runs of bytes. */
const runsOf = (firstSeq: number, ...runs: string[]): ReceivedFrame => {
  const payloads = runs.map((run) => encoder.encode(run));
  const lastSeq = firstSeq - 1 + payloads.reduce((sum, { length }) => sum + length, 0);
  return { mode: "bytes", firstSeq, lastSeq, digest: `digest-after-${lastSeq}`, sourceId: "", payloads };
};
const textOf = (batch: Batch): string | null => {
  const row = taken(batch);
  return row === null ? null : decoder.decode(row.bytes);
};

/** As a commit does it. */
function taken(batch: Batch): ReturnType<Batch["row"]> {
  const row = batch.row();
  batch.clear();
  return row;
}

describe("a batch", () => {
  test("P2: becomes a row of literal bytes as clients receive them", () => {
    const batch = new Batch("V1-_t", { seq: 6, digest: "d6", sourceId: "" });
    batch.append(frameOf(7, "data: a\n", "event: x\ndata: b\ndata: c\n"));
    batch.append(frameOf(9, "data: d\n"));
    expect(batch.lastSeq).toBe(9);
    const row = taken(batch);
    expect(row).toMatchObject({ firstSeq: 7, lastSeq: 9, digest: "digest-after-9", sourceId: "source-9" });
    expect(decoder.decode(row?.bytes)).toBe(
      "data: a\nid: V1-_t-7\n\nevent: x\ndata: b\ndata: c\nid: V1-_t-8\n\ndata: d\nid: V1-_t-9\n\n",
    );
  });

  test("is empty when it was taken, and goes on with the next seq", () => {
    const batch = new Batch("log", start);
    expect(taken(batch)).toBeNull();
    batch.append(frameOf(1, "data: a\n"));
    expect(batch.byteLength).toBe("data: a\nid: log-1\n\n".length);
    expect(textOf(batch)).toBe("data: a\nid: log-1\n\n");
    expect(batch.byteLength).toBe(0);
    expect(taken(batch)).toBeNull();
    batch.append(frameOf(2, "data: b\n"));
    expect(taken(batch)).toMatchObject({ firstSeq: 2, lastSeq: 2 });
  });

  test("gives a row that later events do not change", () => {
    const batch = new Batch("log", start);
    batch.append(frameOf(1, "data: a\n"));
    const row = taken(batch);
    batch.append(frameOf(2, "data: b\n"));
    expect(decoder.decode(row?.bytes)).toBe("data: a\nid: log-1\n\n");
  });

  test("writes a seq of sixteen digits", () => {
    const batch = new Batch("log", { ...start, seq: Number.MAX_SAFE_INTEGER - 1 });
    batch.append(frameOf(Number.MAX_SAFE_INTEGER, "data: a\n"));
    expect(textOf(batch)).toBe("data: a\nid: log-9007199254740991\n\n");
  });

  test("carries bytes that are not UTF-8 as they are", () => {
    const batch = new Batch("log", start);
    batch.append({ mode: "events", firstSeq: 1, lastSeq: 1, digest: "d", sourceId: "", payloads: [Uint8Array.of(0xff, 0x80, 10)] });
    expect([...(taken(batch)?.bytes ?? [])]).toEqual([0xff, 0x80, 10, ...encoder.encode("id: log-1\n\n")]);
  });
});

describe("P2: once-in-order", () => {
  test("events already received are dropped", () => {
    const batch = new Batch("log", start);
    batch.append(frameOf(1, "data: a\n", "data: b\n"));
    batch.append(frameOf(1, "data: a\n", "data: b\n"));
    batch.append(frameOf(2, "data: b\n"));
    expect(batch.lastSeq).toBe(2);
    expect(taken(batch)).toMatchObject({ lastSeq: 2, digest: "digest-after-2", sourceId: "source-2" });
    batch.append(frameOf(1, "data: a\n"));
    expect(taken(batch)).toBeNull();
  });

  test("events that are already durable are dropped, and move neither digest nor source id", () => {
    const batch = new Batch("log", { seq: 5, digest: "d5", sourceId: "s5" });
    batch.append(frameOf(3, "data: c\n"));
    expect(taken(batch)).toBeNull();
    batch.append(frameOf(6, "data: f\n"));
    expect(taken(batch)).toMatchObject({ firstSeq: 6, digest: "digest-after-6", sourceId: "source-6" });
  });

  test("of a frame that overlaps only the new events are taken", () => {
    const batch = new Batch("log", start);
    batch.append(frameOf(1, "data: a\n", "data: b\n"));
    batch.append(frameOf(2, "data: b\n", "data: c\n", "data: d\n"));
    expect(textOf(batch)).toBe("data: a\nid: log-1\n\ndata: b\nid: log-2\n\ndata: c\nid: log-3\n\ndata: d\nid: log-4\n\n");
  });

  test("a gap is refused with the expected seq, and nothing is taken", () => {
    const batch = new Batch("log", start);
    batch.append(frameOf(1, "data: a\n"));
    expect(() => batch.append(frameOf(3, "data: c\n"))).toThrow(
      new LongstreamError("seq-gap", "Cannot store event 3: the expected seq is 2"),
    );
    expect(batch.lastSeq).toBe(1);
    expect(taken(batch)).toMatchObject({ lastSeq: 1, digest: "digest-after-1", sourceId: "source-1" });
    batch.append(frameOf(2, "data: b\n"));
    expect(textOf(batch)).toBe("data: b\nid: log-2\n\n");
  });

  test("whatever is sent again, and however it is taken, each event is in the rows once and in order", () => {
    const action = fc.record({ back: fc.nat(4), count: fc.integer({ min: 1, max: 6 }), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const batch = new Batch("log", start);
        const rows: string[] = [];
        for (const { back, count, take } of actions) {
          const firstSeq = Math.max(1, batch.lastSeq + 1 - back);
          batch.append(frameOf(firstSeq, ...Array.from({ length: count }, (_, index) => `data: ${firstSeq + index}\n`)));
          if (take) rows.push(textOf(batch) ?? "");
        }
        rows.push(textOf(batch) ?? "");
        const expected = Array.from({ length: batch.lastSeq }, (_, index) => `data: ${index + 1}\nid: log-${index + 1}\n\n`);
        expect(rows.join("")).toBe(expected.join(""));
      }),
    );
  });
});

describe("a batch of bytes", () => {
  test("P2: becomes a row of the bytes as they are, whatever runs they came in", () => {
    const batch = new Batch("log", { ...start, seq: 4, digest: "d4" });
    batch.append(runsOf(5, "a\r\n", "b"));
    batch.append(runsOf(9, "\n\n"));
    expect([batch.lastSeq, batch.byteLength]).toEqual([10, 6]);
    const row = taken(batch);
    expect(row).toMatchObject({ firstSeq: 5, lastSeq: 10, digest: "digest-after-10", sourceId: "" });
    expect(decoder.decode(row?.bytes)).toBe("a\r\nb\n\n");
    expect([batch.byteLength, taken(batch)]).toEqual([0, null]);
    batch.append(runsOf(11, "c"));
    expect(taken(batch)).toMatchObject({ firstSeq: 11, lastSeq: 11 });
  });

  test.each<[string, number, readonly string[], number, string]>([
    ["that is all known", 1, ["abcd"], 4, ""],
    ["that is known and ends before", 2, ["bc"], 4, ""],
    ["that overlaps inside a run", 3, ["cdef"], 6, "ef"],
    ["that overlaps by whole runs", 1, ["ab", "cd", "ef"], 6, "ef"],
    ["that overlaps inside its second run", 2, ["b", "cde", "f"], 6, "ef"],
    ["that overlaps inside its last run", 1, ["ab", "c", "def"], 6, "ef"],
    ["that was cut otherwise", 1, ["a", "b", "c", "d", "e", "f"], 6, "ef"],
    ["that goes on", 5, ["e", "f"], 6, "ef"],
  ])("P2: takes of a frame %s only the bytes that are new", (_, firstSeq, runs, lastSeq, fresh) => {
    const batch = new Batch("log", start);
    batch.append(runsOf(1, "abcd"));
    batch.append(runsOf(firstSeq, ...runs));
    expect(batch.lastSeq).toBe(lastSeq);
    expect(taken(batch)).toMatchObject({ lastSeq, digest: `digest-after-${lastSeq}`, bytes: encoder.encode(`abcd${fresh}`) });

    const durable = new Batch("log", { seq: 4, digest: "digest-after-4", sourceId: "" });
    durable.append(runsOf(firstSeq, ...runs));
    expect(textOf(durable) ?? "").toBe(fresh);
  });

  test("refuses a gap with the expected seq, and takes nothing", () => {
    const batch = new Batch("log", start);
    batch.append(runsOf(1, "abc"));
    expect(() => batch.append(runsOf(5, "e"))).toThrow(new LongstreamError("seq-gap", "Cannot store event 5: the expected seq is 4"));
    expect(textOf(batch)).toBe("abc");
  });

  test("P2: has each byte once and in order, whatever is sent again and however it is cut and taken", () => {
    const body = Uint8Array.from({ length: 600 }, (_, index) => index % 251);
    const action = fc.record({ back: fc.nat(9), runs: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }), take: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
        const batch = new Batch("log", start);
        const rows: number[] = [];
        for (const { back, runs, take } of actions) {
          const firstSeq = Math.max(1, batch.lastSeq + 1 - back);
          let at = firstSeq - 1;
          const payloads = runs.map((length) => body.slice(at, (at += length)));
          batch.append({ mode: "bytes", firstSeq, lastSeq: at, digest: "", sourceId: "", payloads });
          if (take) rows.push(...(taken(batch)?.bytes ?? []));
        }
        rows.push(...(taken(batch)?.bytes ?? []));
        expect(rows).toEqual([...body.subarray(0, batch.lastSeq)]);
      }),
    );
  });

  test("P6: has a row of exactly maxRowBytes, and says before that more would be too large", () => {
    const batch = new Batch("log", start);
    const half = "h".repeat(limits.maxRowBytes / 2);
    batch.append(runsOf(1, half));
    const rest = runsOf(half.length + 1, half);
    expect([batch.overflowsWith(rest), batch.overflowsWith(runsOf(half.length + 1, half, "x"))]).toEqual([false, true]);
    batch.append(rest);
    expect(taken(batch)?.bytes.length).toBe(limits.maxRowBytes);
  });
});

describe("P6: bounded", () => {
  const largest = `data: ${"x".repeat(limits.maxEventBytes - 7)}\n`;

  test("grows over its first buffer without losing a byte", () => {
    const batch = new Batch("log", start);
    const data = Array.from({ length: 40 }, (_, index) => `data: ${String(index).repeat(500)}\n`);
    for (const [index, payload] of data.entries()) batch.append(frameOf(index + 1, payload));
    expect(textOf(batch)).toBe(data.map((payload, index) => `${payload}id: log-${index + 1}\n\n`).join(""));
  });

  test("the largest event under the longest log name fits a row", () => {
    const log = "l".repeat(limits.maxCursorBytes - 17);
    const batch = new Batch(log, { ...start, seq: Number.MAX_SAFE_INTEGER - 1 });
    const frame = frameOf(Number.MAX_SAFE_INTEGER, largest);
    expect(batch.overflowsWith(frame)).toBe(false);
    batch.append(frame);
    expect(taken(batch)?.bytes.length).toBeLessThanOrEqual(limits.maxRowBytes);
  });

  test("says before it takes a frame that the row would be too large", () => {
    const batch = new Batch("log", start);
    batch.append(frameOf(1, `data: ${"a".repeat(300)}\n`));
    expect(batch.overflowsWith(frameOf(2, "data: b\n"))).toBe(false);
    expect(batch.overflowsWith(frameOf(2, largest))).toBe(true);
    taken(batch);
    expect(batch.overflowsWith(frameOf(2, largest))).toBe(false);
  });

  test("refuses a frame that would not fit a row of its own, and takes nothing of it", () => {
    const batch = new Batch("log", start);
    const frame = frameOf(1, ...Array.from({ length: 40_000 }, () => ":\n"));
    expect(() => batch.append(frame)).toThrow(
      new LongstreamError(
        "frame-too-large",
        "Cannot store a frame whose 40000 events take 1120000 bytes of the log: send fewer events a frame, for at most 1048576",
      ),
    );
    expect([batch.lastSeq, taken(batch)]).toEqual([0, null]);
  });
});
