/** Owns the tests of an upstream's body as frames: over every split, numbered and hashed as a function's would be. */

import { describe, expect, test } from "vitest";
import type { LongstreamError } from "../protocol/errors.ts";
import { RollingHash, emptyDigest } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import { Framer, bytePieces, eventPieces } from "./upstream-body.ts";
import type { Piece } from "./upstream-body.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const start = { seq: 0, digest: emptyDigest };
const shown = (pieces: readonly Piece[]): readonly unknown[] => pieces.map(({ payload, place }) => [decoder.decode(payload), place]);

describe("an event stream", () => {
  const text = ": hi\r\nretry: 5\n\nid: a\nevent: n\ndata: ü\ndata: 2\n\nid: only\n\ndata: 💡\r\n\r\ndata\n\ndata: cut";
  const expected = [["event: n\ndata: ü\ndata: 2\n", "a"], ["data: 💡\n", ""], ["data: \n", ""]];

  test("is the same events over every split of its bytes, without comments, retry and what no blank line ends", () => {
    const whole = encoder.encode(text);
    for (let at = 0; at <= whole.length; at++) {
      const read = eventPieces("last-event-id", { from: "start" });
      expect(shown([...read(whole.subarray(0, at)).pieces, ...read(whole.subarray(at)).pieces])).toEqual(expected);
    }
  });

  test("of a Responses API tells numbers and the response's name", () => {
    const read = eventPieces("starting-after", { from: "start" });
    const { pieces } = read(encoder.encode('data: {"sequence_number":0,"response":{"id":"r"}}\n\ndata: {"sequence_number":1}\n\ndata: [DONE]\n\n'));
    expect(pieces.map(({ place }) => place)).toEqual(["0 r", "1 r", ""]);
    const again = eventPieces("starting-after", { from: "starting-after", response: "r", after: 1 });
    expect(again(encoder.encode('data: {"sequence_number":2}\n\n')).pieces.map(({ place }) => place)).toEqual(["2 r"]);
    const { failure } = again(encoder.encode('data: {"sequence_number":1}\n\n'));
    expect(failure?.message).toContain("asked to start after 1, it sent event 1 again");
  });

  test("an event past the limit, in one chunk or in many, is refused", () => {
    const large = encoder.encode(`data: ${"x".repeat(limits.maxEventBytes)}\n\n`);
    expect(eventPieces("none", { from: "start" })(large).failure?.code).toBe("event-too-large");
    const read = eventPieces("none", { from: "start" });
    let failure: LongstreamError | null = null;
    for (let at = 0; failure === null && at < large.length; at += 4_096) ({ failure } = read(large.subarray(at, at + 4_096)));
    expect(failure?.code).toBe("event-too-large");
  });

  test("that cannot be taken from some event on is taken up to it, over every split", () => {
    const whole = encoder.encode("data: 1\n\nid: b\ndata: 2\n\nevent: longstream.end\ndata: 3\n\ndata: 4\n\n");
    for (let at = 0; at <= whole.length; at++) {
      const read = eventPieces("last-event-id", { from: "start" });
      const first = read(whole.subarray(0, at));
      const second = first.failure === null ? read(whole.subarray(at)) : { pieces: [], failure: first.failure };
      expect(shown([...first.pieces, ...second.pieces])).toEqual([["data: 1\n", ""], ["data: 2\n", "b"]]);
      expect(second.failure?.code).toBe("bad-event");
    }
  });

  test("an id that is too long to keep is none", () => {
    const read = eventPieces("last-event-id", { from: "start" });
    expect(shown(read(encoder.encode(`id: ${"i".repeat(limits.maxSourceIdBytes + 1)}\ndata: 1\n\n`)).pieces)).toEqual([["data: 1\n", ""]]);
  });
});

describe("frames", () => {
  test("are dense, hashed over all before them, and the first event has one of its own", () => {
    const pieces = ["data: 1\n", "data: 2\n", "data: 3\n"].map((line, index) => ({ payload: encoder.encode(line), place: `e${index + 1}` }));
    const hash = new RollingHash("events");
    const digests = pieces.map(({ payload }) => (hash.update(payload), hash.digest()));
    const frames = [...new Framer("events", start).frames(pieces)];
    expect(frames.map(({ firstSeq, lastSeq, digest, sourceId }) => [firstSeq, lastSeq, digest, sourceId])).toEqual([
      [1, 1, digests[0], "e1"],
      [2, 3, digests[2], "e3"],
    ]);
    const [rest] = new Framer("events", { seq: 1, digest: digests[0] ?? "" }).frames(pieces.slice(1));
    expect(rest).toEqual(frames[1]);
  });

  test("of many small events stay small enough for a row", () => {
    const pieces = Array.from({ length: 50_000 }, () => ({ payload: encoder.encode("data: \n"), place: "" }));
    const frames = [...new Framer("events", start).frames(pieces)];
    expect(Math.max(...frames.map(({ payloads }) => payloads.length * (7 + 80)))).toBeLessThan(limits.commitBytes);
    expect(frames.at(-1)?.lastSeq).toBe(50_000);
  });

  test("of bytes count bytes, whatever the chunks are", () => {
    const chunk = new Uint8Array(limits.frameBytes * 2 + 5).fill(7);
    const framer = new Framer("bytes", start);
    const frames = [...framer.frames(bytePieces(chunk).pieces), ...framer.frames(bytePieces(chunk.subarray(0, 1)).pieces)];
    expect(frames.at(-1)?.lastSeq).toBe(chunk.length + 1);
    const hash = new RollingHash("bytes");
    hash.update(new Uint8Array(chunk.length + 1).fill(7));
    expect(frames.at(-1)?.digest).toBe(hash.digest());
  });
});
