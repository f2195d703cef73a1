/** Owns the tests of what was produced and is not yet durable. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { RollingHash, emptyDigest } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import { Outbox, logStart } from "./outbox.ts";
import type { LogPoint, Outgoing } from "./outbox.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const line = (text: string): Uint8Array => encoder.encode(`data: ${text}\n`);
/** The log of events whose data is given, at its end. */
const pointOf = (...texts: readonly string[]): LogPoint => {
  const hash = new RollingHash("events");
  for (const text of texts) hash.update(line(text));
  return { seq: texts.length, digest: hash.digest() };
};
const diverged = (seq: number): LongstreamError =>
  new LongstreamError(
    "replay-diverged",
    `Cannot go on from event ${seq}: run again, the handler produced other events than the ${seq} that are stored; ` +
      'make it deterministic, let it store checkpoints, or use resume: "continue"',
  );

describe("an outbox", () => {
  test("numbers events from 1 and frames what is there, with the rolling hash and the source id at its end", () => {
    const outbox = opened();
    push(outbox, "a", "b");
    expect(outbox.next()).toEqual({
      kind: "frame",
      frame: { firstSeq: 1, digest: pointOf("a", "b").digest, sourceId: "id-b", payloads: [line("a"), line("b")] },
    });
    expect(outbox.next()).toBeNull();
    push(outbox, "c");
    expect(outbox.next()).toEqual({
      kind: "frame",
      frame: { firstSeq: 3, digest: pointOf("a", "b", "c").digest, sourceId: "id-c", payloads: [line("c")] },
    });
  });

  test("P4: sends nothing before it is opened", () => {
    const outbox = new Outbox("events", logStart, logStart, 1_000);
    push(outbox, "a");
    outbox.hold("1");
    expect(outbox.next()).toBeNull();
    outbox.open(logStart);
    expect(drain(outbox)).toEqual(["checkpoint 1 1", "1 a"]);
  });

  test("starts a new frame at frameBytes, and gives a larger event a frame of its own", () => {
    const outbox = opened(10 * limits.maxEventBytes);
    const half = "h".repeat(limits.frameBytes / 2 - "data: \n".length);
    push(outbox, half, half, "a", "x".repeat(limits.frameBytes), "b", half);
    expect(drain(outbox).map((text) => text.slice(0, 6).replaceAll(/[hx]{2,}/g, "*"))).toEqual(["1 *", "3 a", "4 *", "5 b,*"]);
  });

  test("knows its bytes that were not framed", () => {
    const outbox = opened();
    push(outbox, "a", "b");
    expect(outbox.unsentBytes).toBe(16);
    outbox.next();
    expect(outbox.unsentBytes).toBe(0);
    outbox.resend(pointOf("a"), null);
    expect(outbox.unsentBytes).toBe(8);
  });
});

describe("P6: the window", () => {
  test("is full at windowBytes, sent or not, and has room again as events become durable", () => {
    const outbox = opened(16);
    push(outbox, "a");
    expect(outbox.full).toBe(false);
    push(outbox, "b");
    expect(outbox.full).toBe(true);
    drain(outbox);
    expect(outbox.full).toBe(true);
    outbox.acknowledge(1, null);
    expect(outbox.full).toBe(false);
  });

  test("is not filled by what is repeated", () => {
    const outbox = new Outbox("events", logStart, pointOf("a", "b", "c"), 8);
    push(outbox, "a", "b", "c");
    expect([outbox.full, outbox.settled]).toEqual([false, true]);
    push(outbox, "d");
    expect(outbox.full).toBe(true);
  });

  test("bounds a standby that runs ahead", () => {
    const outbox = new Outbox("events", logStart, logStart, 16);
    push(outbox, "a", "b");
    expect(outbox.full).toBe(true);
    outbox.open(pointOf("a"));
    expect(outbox.full).toBe(false);
  });
});

describe("an ack", () => {
  test("is cumulative, and one that comes late or twice changes nothing", () => {
    const outbox = opened();
    push(outbox, "a", "b", "c");
    drain(outbox);
    outbox.acknowledge(2, null);
    outbox.acknowledge(2, null);
    outbox.acknowledge(1, null);
    expect([outbox.lastSeq, outbox.finalSeq, outbox.settled]).toEqual([3, 3, false]);
    outbox.acknowledge(3, null);
    expect([outbox.lastSeq, outbox.finalSeq, outbox.settled]).toEqual([3, 3, true]);
    push(outbox, "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("of more than was produced takes what was", () => {
    const outbox = opened();
    push(outbox, "a");
    drain(outbox);
    outbox.acknowledge(9, null);
    expect([outbox.lastSeq, outbox.settled]).toEqual([1, true]);
  });
});

describe("P2: sent again", () => {
  test("is everything after the durable seq, under the same numbers and hashes", () => {
    const outbox = opened();
    push(outbox, "a", "b", "c");
    const first = drain(outbox);
    outbox.resend(pointOf("a"), null);
    expect(first).toEqual(["1 a,b,c"]);
    expect(outbox.next()).toEqual({
      kind: "frame",
      frame: { firstSeq: 2, digest: pointOf("a", "b", "c").digest, sourceId: "id-c", payloads: [line("b"), line("c")] },
    });
  });

  test("is nothing when everything was durable and only the ack was lost", () => {
    const outbox = opened();
    push(outbox, "a", "b");
    drain(outbox);
    outbox.resend(pointOf("a", "b"), null);
    expect([drain(outbox), outbox.settled]).toEqual([[], true]);
    push(outbox, "c");
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 3, digest: pointOf("a", "b", "c").digest } });
  });

  test("goes on in the middle of a replay", () => {
    const outbox = new Outbox("events", logStart, pointOf("a", "b", "c"), 1_000);
    outbox.open(pointOf("a", "b", "c"));
    push(outbox, "a");
    outbox.resend(pointOf("a", "b", "c"), null);
    push(outbox, "b", "c", "d");
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 4, digest: pointOf("a", "b", "c", "d").digest } });
  });
});

describe("a replay", () => {
  const stored = pointOf("a", "b", "c");

  test("P2: drops what is durable once it was repeated, and sends what follows", () => {
    const outbox = new Outbox("events", logStart, stored, 1_000);
    outbox.open(stored);
    push(outbox, "a", "b");
    expect([outbox.repeating, outbox.lastSeq, outbox.finalSeq, drain(outbox)]).toEqual([true, 2, 3, []]);
    push(outbox, "c");
    expect([outbox.repeating, outbox.lastSeq, drain(outbox)]).toEqual([false, 3, []]);
    push(outbox, "d");
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 4, digest: pointOf("a", "b", "c", "d").digest } });
  });

  test("goes on from a checkpoint before the durable seq", () => {
    const outbox = new Outbox("events", pointOf("a", "b"), stored, 1_000);
    outbox.open(stored);
    push(outbox, "c", "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("goes on from a checkpoint at the durable seq", () => {
    const outbox = new Outbox("events", stored, stored, 1_000);
    outbox.open(stored);
    push(outbox, "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("fails with replay-diverged at the event where it had to be the same, and sends nothing from then on", () => {
    const outbox = new Outbox("events", logStart, stored, 1_000);
    outbox.open(stored);
    push(outbox, "a", "b");
    expect(() => push(outbox, "x")).toThrow(diverged(3));
    push(outbox, "d");
    expect([outbox.next(), outbox.finalSeq]).toEqual([null, 4]);
  });

  test("fails with replay-diverged when an earlier event was another, or the events were cut otherwise", () => {
    expect(() => push(new Outbox("events", logStart, stored, 1_000), "x", "b", "c")).toThrow(diverged(3));
    expect(() => push(new Outbox("events", logStart, stored, 1_000), "a\ndata: b", "c", "d")).toThrow(diverged(3));
  });

  test("fails with replay-diverged when its checkpoint is not of this log", () => {
    expect(() => new Outbox("events", { seq: 3, digest: emptyDigest }, stored, 1_000)).toThrow(diverged(3));
  });
});

describe("a standby", () => {
  test("P2: runs ahead, and on promotion drops what became durable meanwhile", () => {
    const outbox = new Outbox("events", logStart, pointOf("a"), 1_000);
    push(outbox, "a", "b", "c", "d");
    expect(drain(outbox)).toEqual([]);
    outbox.open(pointOf("a", "b", "c"));
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 4, digest: pointOf("a", "b", "c", "d").digest, payloads: [line("d")] } });
    expect([outbox.finalSeq, outbox.settled]).toEqual([4, false]);
  });

  test("P2: that is promoted while it repeats goes on repeating up to the new durable seq", () => {
    const outbox = new Outbox("events", logStart, pointOf("a", "b"), 1_000);
    push(outbox, "a");
    outbox.open(pointOf("a", "b", "c"));
    push(outbox, "b", "c");
    expect(drain(outbox)).toEqual([]);
    push(outbox, "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("P2: that ran ahead less far than the log came goes on repeating", () => {
    const outbox = new Outbox("events", logStart, pointOf("a"), 1_000);
    push(outbox, "a", "b");
    outbox.open(pointOf("a", "b", "c"));
    expect([outbox.repeating, outbox.lastSeq, outbox.finalSeq, outbox.unsentBytes]).toEqual([true, 2, 3, 0]);
    push(outbox, "c", "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("fails with replay-diverged on promotion when it ran ahead otherwise, and sends nothing", () => {
    const outbox = new Outbox("events", logStart, pointOf("a"), 1_000);
    push(outbox, "a", "x", "c");
    expect(() => outbox.open(pointOf("a", "b"))).toThrow(diverged(2));
    expect(outbox.next()).toBeNull();
  });

  test("fails with replay-diverged after promotion when what it still repeats is other than what is stored", () => {
    const outbox = new Outbox("events", logStart, pointOf("a"), 1_000);
    push(outbox, "a", "x");
    outbox.open(pointOf("a", "b", "c"));
    expect(() => push(outbox, "c")).toThrow(diverged(3));
  });
});

describe("a checkpoint", () => {
  test("of the same event as one before is not confirmed by that one's ack", () => {
    const outbox = opened();
    push(outbox, "a");
    outbox.hold("1");
    drain(outbox);
    outbox.hold("2");
    outbox.acknowledge(1, 1);
    expect(drain(outbox)).toEqual(["checkpoint 1 2"]);
  });

  test("goes before the frame that ends with its event, with the rolling hash there", () => {
    const outbox = opened();
    push(outbox, "a", "b");
    outbox.hold('{"n":2}');
    push(outbox, "c");
    expect(outbox.next()).toEqual({ kind: "checkpoint", checkpoint: { seq: 2, digest: pointOf("a", "b").digest, state: '{"n":2}' } });
    expect(drain(outbox)).toEqual(["1 a,b", "3 c"]);
  });

  test("waits for the last of the frames up to its event", () => {
    const outbox = opened(10 * limits.maxEventBytes);
    push(outbox, "x".repeat(limits.frameBytes), "b");
    outbox.hold("1");
    expect(drain(outbox).map((text) => text.replace(/x{2,}/, "*"))).toEqual(["1 *", "checkpoint 2 1", "2 b"]);
  });

  test("of an event that was sent before goes at once", () => {
    const outbox = opened();
    push(outbox, "a");
    drain(outbox);
    outbox.hold("1");
    expect(outbox.next()).toEqual({ kind: "checkpoint", checkpoint: { seq: 1, digest: pointOf("a").digest, state: "1" } });
    expect(outbox.next()).toBeNull();
  });

  test("before the first event is at seq 0", () => {
    const outbox = opened();
    outbox.hold("0");
    expect(outbox.next()).toEqual({ kind: "checkpoint", checkpoint: { seq: 0, digest: emptyDigest, state: "0" } });
  });

  test("that was not sent is superseded by a later one", () => {
    const outbox = opened();
    push(outbox, "a");
    outbox.hold("1");
    push(outbox, "b");
    outbox.hold("2");
    expect(drain(outbox)).toEqual(["checkpoint 2 2", "1 a,b"]);
  });

  test("keeps the outbox unsettled until it is stored, and is sent again until then", () => {
    const outbox = opened();
    push(outbox, "a");
    outbox.hold("1");
    drain(outbox);
    outbox.acknowledge(1, null);
    expect(outbox.settled).toBe(false);
    outbox.resend(pointOf("a"), null);
    expect(drain(outbox)).toEqual(["checkpoint 1 1"]);
    outbox.acknowledge(1, 1);
    expect([outbox.settled, drain(outbox)]).toEqual([true, []]);
  });

  test("is not sent again when a redial finds it stored", () => {
    const outbox = opened();
    push(outbox, "a");
    outbox.hold("1");
    push(outbox, "b");
    drain(outbox);
    outbox.resend(pointOf("a"), 1);
    expect(drain(outbox)).toEqual(["2 b"]);
  });

  test("made while repeating what is durable is not sent, unless it is at the durable seq", () => {
    const stored = pointOf("a", "b");
    const outbox = new Outbox("events", logStart, stored, 1_000);
    outbox.open(stored);
    push(outbox, "a");
    outbox.hold("1");
    push(outbox, "b", "c");
    expect(drain(outbox)).toEqual(["3 c"]);
    outbox.acknowledge(3, null);
    expect(outbox.settled).toBe(true);

    const again = new Outbox("events", logStart, stored, 1_000);
    again.open(stored);
    push(again, "a", "b");
    again.hold("2");
    expect(again.next()).toEqual({ kind: "checkpoint", checkpoint: { ...stored, state: "2" } });
  });

  test("P5: of a standby that caught up is no longer held when it is promoted further on", () => {
    const outbox = new Outbox("events", logStart, pointOf("a"), 1_000);
    push(outbox, "a");
    outbox.hold("1");
    outbox.open(pointOf("a", "b", "c"));
    expect([outbox.settled, outbox.next()]).toEqual([true, null]);
    push(outbox, "b", "c", "d");
    expect(drain(outbox)).toEqual(["4 d"]);
  });

  test("of a standby that ran ahead is sent after promotion where its event is not durable", () => {
    const outbox = new Outbox("events", logStart, logStart, 1_000);
    push(outbox, "a", "b");
    outbox.hold("2");
    push(outbox, "c");
    outbox.open(pointOf("a"));
    expect(drain(outbox)).toEqual(["checkpoint 2 2", "2 b", "3 c"]);
  });
});

describe("in bytes mode an outbox", () => {
  test("numbers bytes from 1, and frames the chunks that are there", () => {
    const outbox = openedBytes();
    pushBytes(outbox, "ab", "cde");
    expect(outbox.next()).toEqual({
      kind: "frame",
      frame: { firstSeq: 1, digest: bytePoint("abcde").digest, sourceId: "", payloads: [bytesOf("ab"), bytesOf("cde")] },
    });
    expect([outbox.lastSeq, outbox.finalSeq, outbox.unsentBytes, outbox.next()]).toEqual([5, 5, 0, null]);
    pushBytes(outbox, "f");
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 6, digest: bytePoint("abcdef").digest } });
  });

  test("starts a new frame at frameBytes", () => {
    const outbox = openedBytes(10 * limits.frameBytes);
    pushBytes(outbox, "x".repeat(limits.frameBytes - 1), "y", "z".repeat(limits.frameBytes), "a");
    expect(drainBytes(outbox).map((text) => text.replaceAll(/([xyz])\1*/g, "$1"))).toEqual(["1 xy", `${limits.frameBytes + 1} z`, `${2 * limits.frameBytes + 1} a`]);
  });

  test("P6: is full at windowBytes, and an ack inside a chunk makes room for what it took", () => {
    const outbox = openedBytes(6);
    pushBytes(outbox, "abcd", "ef");
    drainBytes(outbox);
    expect(outbox.full).toBe(true);
    outbox.acknowledge(1, null);
    expect([outbox.full, outbox.settled]).toEqual([false, false]);
    pushBytes(outbox, "g");
    expect([outbox.full, drainBytes(outbox)]).toEqual([true, ["7 g"]]);
    outbox.acknowledge(7, null);
    expect(outbox.settled).toBe(true);
  });

  test("P2: acknowledged inside a chunk, goes on behind what was sent, and sends nothing of it again", () => {
    const outbox = openedBytes();
    pushBytes(outbox, "abcd", "efgh");
    expect(drainBytes(outbox)).toEqual(["1 abcdefgh"]);
    for (const seq of [2, 2, 1, 5]) outbox.acknowledge(seq, null);
    pushBytes(outbox, "i");
    expect(outbox.next()).toMatchObject({ frame: { firstSeq: 9, digest: bytePoint("abcdefghi").digest, payloads: [bytesOf("i")] } });
  });

  test.each([
    [0, ["1 abcdef"]],
    [1, ["2 bcdef"]],
    [2, ["3 cdef"]],
    [3, ["4 def"]],
    [5, ["6 f"]],
    [6, []],
  ])("P2: sends again what lies behind the durable byte %d, under the same hash", (seq, again) => {
    const outbox = openedBytes();
    pushBytes(outbox, "ab", "cde", "f");
    drainBytes(outbox);
    outbox.resend(bytePoint("abcdef".slice(0, seq)), null);
    expect(outbox.unsentBytes).toBe(6 - seq);
    const next = outbox.next();
    expect(next === null ? [] : [showBytes(next)]).toEqual(again);
    expect(next ?? { frame: bytePoint("abcdef") }).toMatchObject({ frame: { digest: bytePoint("abcdef").digest } });
  });

  describe("whose log has 6 bytes", () => {
    const stored = bytePoint("abcdef");

    test.each<[readonly string[]]>([[["abcdef", "gh"]], [["abcdefgh"]], [["a", "b", "c", "d", "e", "f", "g", "h"]], [["abc", "defgh"]], [["abcde", "fg", "h"]]])(
      "P2: repeats them cut as %j, and sends what follows",
      (chunks) => {
        const outbox = new Outbox("bytes", logStart, stored, 1_000);
        outbox.open(stored);
        pushBytes(outbox, ...chunks);
        expect([outbox.repeating, outbox.lastSeq, outbox.finalSeq, outbox.unsentBytes]).toEqual([false, 8, 8, 2]);
        expect(outbox.next()).toMatchObject({ frame: { firstSeq: 7, digest: bytePoint("abcdefgh").digest } });
      },
    );

    test("is still repeating inside them, and is not filled by them", () => {
      const outbox = new Outbox("bytes", logStart, stored, 2);
      outbox.open(stored);
      pushBytes(outbox, "abcd");
      expect([outbox.repeating, outbox.lastSeq, outbox.finalSeq, outbox.full, outbox.settled, outbox.next()]).toEqual([true, 4, 6, false, true, null]);
    });

    test("P2: goes on from a checkpoint inside them", () => {
      const outbox = new Outbox("bytes", bytePoint("abc"), stored, 1_000);
      outbox.open(stored);
      pushBytes(outbox, "defg");
      expect(drainBytes(outbox)).toEqual(["7 g"]);
    });

    test.each<[string, readonly string[]]>([
      ["the first byte", ["xbcdef"]],
      ["the last byte", ["abcdex"]],
      ["a byte in a chunk of its own", ["ab", "x", "def"]],
      ["a byte of a chunk that goes on behind them", ["abc", "dxfgh"]],
      ["the order of two", ["bacdef"]],
    ])("fails with replay-diverged when %s is another, and sends nothing from then on", (_, chunks) => {
      const outbox = new Outbox("bytes", logStart, stored, 1_000);
      outbox.open(stored);
      expect(() => pushBytes(outbox, ...chunks)).toThrow(
        new LongstreamError(
          "replay-diverged",
          "Cannot go on from byte 6: run again, the handler produced other bytes than the 6 that are stored; " +
            'make it deterministic, let it store checkpoints, or use resume: "continue"',
        ),
      );
      pushBytes(outbox, "more");
      expect(outbox.next()).toBeNull();
    });

    test("P2: is repeated by a standby that ran ahead, up to a byte inside what it holds", () => {
      const outbox = new Outbox("bytes", logStart, bytePoint("ab"), 1_000);
      pushBytes(outbox, "abcd", "efgh", "ij");
      expect(outbox.next()).toBeNull();
      outbox.open(stored);
      expect(outbox.unsentBytes).toBe(4);
      expect(outbox.next()).toMatchObject({
        frame: { firstSeq: 7, digest: bytePoint("abcdefghij").digest, payloads: [bytesOf("gh"), bytesOf("ij")] },
      });
    });

    test("P2: is repeated further by a standby that is promoted inside a chunk to come", () => {
      const outbox = new Outbox("bytes", logStart, bytePoint("ab"), 1_000);
      pushBytes(outbox, "abc");
      outbox.open(stored);
      expect([outbox.repeating, outbox.lastSeq, outbox.finalSeq]).toEqual([true, 3, 6]);
      pushBytes(outbox, "defg");
      expect(drainBytes(outbox)).toEqual(["7 g"]);
    });

    test("fails with replay-diverged on promotion when a standby ran ahead otherwise", () => {
      const outbox = new Outbox("bytes", logStart, bytePoint("ab"), 1_000);
      pushBytes(outbox, "abcd", "xfgh");
      expect(() => outbox.open(stored)).toThrow("Cannot go on from byte 6");
      expect(outbox.next()).toBeNull();
    });
  });

  test("binds a checkpoint to the byte produced last, and ends a frame there", () => {
    const outbox = openedBytes();
    pushBytes(outbox, "ab", "cde");
    outbox.hold("1");
    pushBytes(outbox, "f");
    expect(outbox.next()).toEqual({ kind: "checkpoint", checkpoint: { ...bytePoint("abcde"), state: "1" } });
    expect(drainBytes(outbox)).toEqual(["1 abcde", "6 f"]);
    outbox.acknowledge(6, 5);
    expect(outbox.settled).toBe(true);
  });

  test("sends a checkpoint again behind a durable byte inside the chunk before it", () => {
    const outbox = openedBytes();
    pushBytes(outbox, "abcd");
    outbox.hold("1");
    pushBytes(outbox, "ef");
    drainBytes(outbox);
    outbox.resend(bytePoint("abc"), null);
    expect(outbox.next()).toEqual({ kind: "checkpoint", checkpoint: { ...bytePoint("abcd"), state: "1" } });
    expect(drainBytes(outbox)).toEqual(["4 d", "5 ef"]);
  });

  test("of a standby sends the checkpoint of a byte that is not durable when it is promoted inside its chunk", () => {
    const outbox = new Outbox("bytes", logStart, logStart, 1_000);
    pushBytes(outbox, "abcd");
    outbox.hold("4");
    pushBytes(outbox, "ef");
    outbox.open(bytePoint("ab"));
    expect(drainBytes(outbox)).toEqual(["checkpoint 4 4", "3 cd", "5 ef"]);
  });

  test("P2: whatever is cut, acknowledged, lost and promoted, what it frames is the body", () => {
    const body = Uint8Array.from({ length: 400 }, (_, index) => (index * 7) % 251);
    const at = (seq: number): LogPoint => {
      const hash = new RollingHash("bytes");
      hash.update(body.subarray(0, seq));
      return { seq, digest: hash.digest() };
    };
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const step = fc.oneof(
      { arbitrary: fc.record({ do: fc.constant("push"), share }), weight: 5 },
      { arbitrary: fc.record({ do: fc.constantFrom("send", "ack", "redial", "hold"), share }), weight: 6 },
    );
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), share, share, fc.array(step, { maxLength: 50 }), (welcomedAt, more, checkpointShare, openShare, steps) => {
        const startAt = Math.floor(welcomedAt * checkpointShare);
        const promotedAt = welcomedAt + more;
        const openedAt = Math.floor(steps.length * openShare);
        const outbox = new Outbox("bytes", at(startAt), at(welcomedAt), Number.POSITIVE_INFINITY);
        let produced = startAt;
        /** What the object received; up to `durable` it is stored. */
        let received = promotedAt;
        let durable = promotedAt;
        const produce = (length: number): void => {
          outbox.push(body.subarray(produced, produced + length), "");
          produced += length;
        };
        const send = (): boolean => {
          const next = outbox.next();
          if (next === null) return false;
          if (next.kind === "checkpoint") {
            expect(next.checkpoint.digest).toBe(at(next.checkpoint.seq).digest);
            return true;
          }
          const { firstSeq, digest, payloads } = next.frame;
          const bytes = Buffer.concat(payloads);
          expect(firstSeq).toBe(received + 1);
          expect(bytes.equals(body.subarray(received, received + bytes.length))).toBe(true);
          received += bytes.length;
          expect(digest).toBe(at(received).digest);
          return true;
        };
        for (const [index, { do: what, share: part }] of steps.entries()) {
          if (index === openedAt) outbox.open(at(promotedAt));
          if (what === "push") produce(1 + Math.floor(part * 6));
          else if (what === "hold") outbox.hold("state");
          else if (index >= openedAt) {
            if (what === "send") send();
            durable += Math.floor(part * (received - durable));
            if (what === "ack") outbox.acknowledge(durable, null);
            if (what === "redial") {
              received = durable;
              outbox.resend(at(durable), null);
            }
          }
        }
        if (openedAt === steps.length) outbox.open(at(promotedAt));
        produce(body.length - produced);
        while (send());
        expect([received, outbox.lastSeq, outbox.unsentBytes]).toEqual([body.length, body.length, 0]);
        outbox.acknowledge(body.length, body.length);
        expect(outbox.settled).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

type Action =
  | { readonly do: "push"; readonly bytes: number }
  | { readonly do: "hold" | "ack" | "commit" | "redial" }
  | { readonly do: "send" | "deliver"; readonly count: number };

describe("whatever happens", () => {
  const action = fc.oneof(
    { arbitrary: fc.record({ do: fc.constant("push"), bytes: fc.oneof(fc.nat(20), fc.nat(40_000)) }), weight: 6 },
    { arbitrary: fc.record({ do: fc.constantFrom("send", "deliver"), count: fc.integer({ min: 1, max: 3 }) }), weight: 6 },
    { arbitrary: fc.record({ do: fc.constantFrom("hold", "ack", "commit", "redial") }), weight: 5 },
  );
  const actions = fc.array(action, { maxLength: 60 });

  test("P2: the other side gets each event once, in order, under the rolling hash of all before it", () => {
    fc.assert(
      fc.property(actions, (played: readonly Action[]) => {
        const run = new Run();
        for (const each of played) run.play(each);
        run.settle();
        expect(run.broken).toEqual([]);
        expect(run.accepted).toEqual(run.produced);
        expect(run.outbox.settled).toBe(true);
        expect(run.storedCheckpoint).toBe(run.heldAt);
      }),
      { numRuns: 200 },
    );
  });

  test("P2: a standby promoted anywhere sends exactly what is not durable", () => {
    const size = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(size, size, size, size, (all, ahead, welcomedAt, promotedAt) => {
        const texts = Array.from({ length: all }, (_, index) => String(index));
        const durableAtWelcome = pointOf(...texts.slice(0, Math.min(welcomedAt, promotedAt)));
        const durable = pointOf(...texts.slice(0, Math.max(durableAtWelcome.seq, promotedAt)));
        const outbox = new Outbox("events", logStart, durableAtWelcome, 1_000);
        push(outbox, ...texts.slice(0, ahead));
        outbox.open(durable);
        push(outbox, ...texts.slice(ahead));
        const left = texts.slice(durable.seq);
        expect(drain(outbox)).toEqual(left.length === 0 ? [] : [`${durable.seq + 1} ${left.join(",")}`]);
        expect(outbox.finalSeq).toBe(all);
      }),
    );
  });
});

/** An outbox, two wires and the object at the other end, which commits when it likes and forgets what it did not commit. */
class Run {
  readonly outbox = opened(Number.POSITIVE_INFINITY);
  readonly produced: string[] = [];
  /** What the object would have closed the socket for. */
  readonly broken: string[] = [];
  heldAt: number | null = null;
  #toObject: Outgoing[] = [];
  #acks: { readonly seq: number; readonly checkpoint: number | null }[] = [];
  #received: string[] = [];
  #durable = 0;
  #heldCheckpoint: number | null = null;
  storedCheckpoint: number | null = null;
  readonly #digests = [emptyDigest];
  readonly #hash = new RollingHash("events");

  get accepted(): readonly string[] {
    return this.#received.slice(0, this.#durable);
  }

  play(action: Action): void {
    switch (action.do) {
      case "push":
        return this.#push(`${this.produced.length}:${"x".repeat(action.bytes)}`);
      case "hold":
        this.outbox.hold("state");
        this.heldAt = this.outbox.lastSeq;
        return;
      case "send":
        for (let i = 0; i < action.count; i++) this.#send();
        return;
      case "deliver":
        for (const message of this.#toObject.splice(0, action.count)) this.#receive(message);
        return;
      case "commit":
        return this.#commit();
      case "ack": {
        const ack = this.#acks.shift();
        if (ack !== undefined) this.outbox.acknowledge(ack.seq, ack.checkpoint);
        return;
      }
      case "redial":
        return this.#redial();
    }
  }

  /** Until both sides have nothing left to say. */
  settle(): void {
    while (this.#send());
    this.play({ do: "deliver", count: Number.POSITIVE_INFINITY });
    this.#commit();
    while (this.#acks.length > 0) this.play({ do: "ack" });
  }

  #push(text: string): void {
    this.outbox.push(line(text), "");
    this.produced.push(text);
    this.#hash.update(line(text));
    this.#digests.push(this.#hash.digest());
  }

  #send(): boolean {
    const next = this.outbox.next();
    if (next !== null) this.#toObject.push(next);
    return next !== null;
  }

  #receive(message: Outgoing): void {
    if (message.kind === "checkpoint") {
      const { seq, digest } = message.checkpoint;
      if (digest !== this.#digests[seq]) this.broken.push(`the digest of the checkpoint at ${seq}`);
      if (seq < (this.#heldCheckpoint ?? this.storedCheckpoint ?? 0)) this.broken.push(`a checkpoint at ${seq} after a later one`);
      this.#heldCheckpoint = seq;
      return;
    }
    const { firstSeq, digest, payloads } = message.frame;
    const lastSeq = firstSeq + payloads.length - 1;
    if (firstSeq > this.#received.length + 1) this.broken.push(`a gap before ${firstSeq}`);
    if (digest !== this.#digests[lastSeq]) this.broken.push(`the digest of the frame up to ${lastSeq}`);
    const fresh = payloads.slice(this.#received.length + 1 - firstSeq);
    this.#received.push(...fresh.map((payload) => decoder.decode(payload).slice("data: ".length, -1)));
    // Where a frame ends with the event of its checkpoint, one commit takes both.
    const held = this.#heldCheckpoint;
    if (held !== null && firstSeq <= held && held < lastSeq) this.broken.push(`a frame past the checkpoint at ${held}`);
  }

  #commit(): void {
    this.#durable = this.#received.length;
    if (this.#heldCheckpoint !== null && this.#heldCheckpoint <= this.#durable) {
      this.storedCheckpoint = this.#heldCheckpoint;
      this.#heldCheckpoint = null;
    }
    this.#acks.push({ seq: this.#durable, checkpoint: this.storedCheckpoint });
  }

  /** The socket is gone with all that was on it, and the object with what it had not committed. */
  #redial(): void {
    this.#toObject = [];
    this.#acks = [];
    this.#received = this.#received.slice(0, this.#durable);
    this.#heldCheckpoint = null;
    this.outbox.resend({ seq: this.#durable, digest: this.#digests[this.#durable] ?? "" }, this.storedCheckpoint);
  }
}

function opened(windowBytes = 1_000): Outbox {
  const outbox = new Outbox("events", logStart, logStart, windowBytes);
  outbox.open(logStart);
  return outbox;
}

function openedBytes(windowBytes = 1_000): Outbox {
  const outbox = new Outbox("bytes", logStart, logStart, windowBytes);
  outbox.open(logStart);
  return outbox;
}

function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The log of these bytes, at its end. */
function bytePoint(text: string): LogPoint {
  const hash = new RollingHash("bytes");
  hash.update(bytesOf(text));
  return { seq: text.length, digest: hash.digest() };
}

function pushBytes(outbox: Outbox, ...texts: readonly string[]): void {
  for (const text of texts) outbox.push(bytesOf(text), "");
}

function drainBytes(outbox: Outbox): readonly string[] {
  const sent: string[] = [];
  for (let next = outbox.next(); next !== null; next = outbox.next()) sent.push(showBytes(next));
  return sent;
}

function showBytes(outgoing: Outgoing): string {
  if (outgoing.kind === "checkpoint") return show(outgoing);
  const { firstSeq, payloads } = outgoing.frame;
  return `${firstSeq} ${payloads.map((payload) => decoder.decode(payload)).join("")}`;
}

function push(outbox: Outbox, ...texts: readonly string[]): void {
  for (const text of texts) outbox.push(line(text), `id-${text}`);
}

/** Everything there is to send: a frame as its first seq and its data, a checkpoint as its seq and state. */
function drain(outbox: Outbox): readonly string[] {
  const sent: string[] = [];
  for (let next = outbox.next(); next !== null; next = outbox.next()) sent.push(show(next));
  return sent;
}

function show(outgoing: Outgoing): string {
  if (outgoing.kind === "checkpoint") return `checkpoint ${outgoing.checkpoint.seq} ${outgoing.checkpoint.state}`;
  const { firstSeq, payloads } = outgoing.frame;
  return `${firstSeq} ${payloads.map((payload) => decoder.decode(payload).slice("data: ".length, -1)).join(",")}`;
}
