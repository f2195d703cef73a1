/** Owns the tests of commits that fail: memory never says more than storage. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EventsFrame } from "../protocol/consumer-frames.ts";
import { emptyDigest } from "../protocol/hash.ts";
import { Intake } from "./intake.ts";
import type { Log, Row } from "./log.ts";
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
const frame = (firstSeq: number) => ({ firstSeq, digest: emptyDigest, sourceId: "", payloads: [new TextEncoder().encode(`data: ${firstSeq}\n`)] });

test("P2: a commit that fails leaves its events to the next one, and no hole in the log", () => {
  const kept = memory();
  const acked: number[] = [];
  const intake = new Intake(kept.log, store, "log", 50, ({ seq }) => acked.push(seq));
  intake.receive(frame(1), Date.now());
  intake.receive(frame(2), Date.now());
  kept.failures = 1;
  expect(() => vi.advanceTimersByTime(100)).toThrow("full");
  intake.receive(frame(3), Date.now());
  intake.commit(Date.now());
  expect(kept.rows.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([[1, 1], [2, 3]]);
  expect(acked.at(-1)).toBe(3);
});
