/** Owns the tests of commits that fail: memory never says more than storage. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EventsFrame } from "../protocol/consumer-frames.ts";
import { emptyDigest } from "../protocol/hash.ts";
import type { ReceivedFrame } from "../protocol/data-frame.ts";
import type { Checkpoint } from "../protocol/producer-messages.ts";
import { Intake } from "./intake.ts";
import type { Log, Row } from "./log.ts";
import { Meter } from "./meter.ts";
import type { Store } from "./store.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A log in memory, whose next appends fail while `failures` is above 0. */
function memory(): { readonly rows: Row[]; readonly log: Log; failures: number } {
  const rows: Row[] = [];
  let tail = { seq: 0, offset: 0, digest: emptyDigest, sourceId: "" };
  const log = {
    get tail() {
      return tail;
    },
    append: (row: Row): EventsFrame => {
      if (kept.failures-- > 0) throw new Error("database or disk is full");
      rows.push(row);
      const frame = { firstSeq: row.firstSeq, lastSeq: row.lastSeq, offset: tail.offset, bytes: row.bytes };
      tail = { seq: row.lastSeq, offset: tail.offset + row.bytes.length, digest: row.digest, sourceId: row.sourceId };
      return frame;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two members an intake uses
  const kept = { rows, failures: 0, log: log as unknown as Log };
  return kept;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no checkpoint is stored here
const store = { readCheckpoint: () => null, writeCheckpoint: () => undefined } as unknown as Store;
const frame = (seq: number): ReceivedFrame => ({
  mode: "events",
  firstSeq: seq,
  lastSeq: seq,
  digest: emptyDigest,
  sourceId: "",
  payloads: [new TextEncoder().encode(`data: ${seq}\n`)],
});
/** A frame of one run of bytes. */
const run = (firstSeq: number, text: string): ReceivedFrame => ({
  mode: "bytes",
  firstSeq,
  lastSeq: firstSeq + text.length - 1,
  digest: emptyDigest,
  sourceId: "",
  payloads: [new TextEncoder().encode(text)],
});

test("P2: a commit that fails leaves its events to the next one, and no hole in the log", () => {
  const kept = memory();
  const acked: number[] = [];
  const intake = intakeOf(kept.log, acked);
  intake.receive(frame(1));
  intake.receive(frame(2));
  kept.failures = 1;
  expect(() => vi.advanceTimersByTime(100)).toThrow("full");
  intake.receive(frame(3));
  intake.commit();
  expect(kept.rows.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([[1, 1], [2, 3]]);
  expect(acked.at(-1)).toBe(3);
});

test("P2: bytes that are sent again, cut otherwise, are acknowledged again and stored once", () => {
  const kept = memory();
  const acked: number[] = [];
  const intake = intakeOf(kept.log, acked);
  intake.receive(run(1, "abcd"));
  intake.receive(run(1, "ab"));
  intake.receive(run(3, "cdef"));
  intake.receive(run(2, "bcdef"));
  intake.commit();
  expect([intake.receivedSeq, acked]).toEqual([6, [4, 4, 4, 6]]);
  expect(kept.rows.map(({ firstSeq, lastSeq, bytes }) => [firstSeq, lastSeq, new TextDecoder().decode(bytes)])).toEqual([
    [1, 4, "abcd"],
    [5, 6, "ef"],
  ]);
});

test("a checkpoint is stored in the commit of its event, though a later one was announced meanwhile for an event that has not come", () => {
  const written: number[] = [];
  const acked: (number | null)[] = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two members an intake uses
  const keeping = { readCheckpoint: () => null, writeCheckpoint: ({ seq }: Checkpoint) => written.push(seq) } as unknown as Store;
  const intake = new Intake({ log: memory().log, store: keeping, meter: new Meter(), id: "log", intervalMs: 50, onCommit: ({ checkpoint }) => acked.push(checkpoint) });
  const at = (seq: number): Checkpoint => ({ seq, digest: emptyDigest, state: "{}" });
  intake.receive(frame(1));
  intake.hold(at(2));
  intake.receive(frame(2));
  intake.hold(at(3));
  vi.advanceTimersByTime(50);
  expect([written, acked]).toEqual([[2], [null, 2]]);
  intake.receive(frame(3));
  intake.hold(at(3));
  intake.hold(at(4));
  intake.commit();
  expect([written, acked]).toEqual([[2, 3], [null, 2, 3]]);
});

test("P9: what comes within an interval is one commit however late its timer is, and after silence the first event waits for nothing", () => {
  const kept = memory();
  const intake = intakeOf(kept.log, []);
  intake.receive(frame(1));
  // The clock alone makes nothing due: on a late machine the timer comes behind the messages that waited with it.
  vi.setSystemTime(Date.now() + 10_000);
  intake.receive(frame(2));
  intake.receive(frame(3));
  vi.runAllTimers();
  vi.advanceTimersByTime(10_000);
  intake.receive(frame(4));
  expect(kept.rows.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([[1, 1], [2, 3], [4, 4]]);
});

test("P9: the waits of its timers are counted as time in which the object cannot sleep, and no others", () => {
  const kept = memory();
  const meter = new Meter();
  const intake = intakeOf(kept.log, [], meter);
  intake.receive(frame(1));
  vi.advanceTimersByTime(20);
  intake.receive(frame(2));
  vi.advanceTimersByTime(10_000);
  intake.receive(frame(3));
  vi.advanceTimersByTime(10);
  intake.receive(frame(4));
  vi.advanceTimersByTime(5);
  intake.commit();
  vi.advanceTimersByTime(10_000);
  expect(meter.cost.activeMs).toBe(5 + 30 + 5 + 5 + 5 + 5);
});

function intakeOf(log: Log, acked: number[], meter = new Meter()): Intake {
  return new Intake({ log, store, meter, id: "log", intervalMs: 50, onCommit: ({ seq }) => acked.push(seq) });
}
