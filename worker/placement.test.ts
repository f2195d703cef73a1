/** Owns the tests of where a reader begins. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ConsumeRequest } from "../protocol/consumer-frames.ts";
import type { From } from "../protocol/cursor.ts";
import type { ByteRange, Extent } from "../protocol/range.ts";
import type { Outcome } from "../protocol/sse.ts";
import { place } from "./placement.ts";
import type { LogView, Placement } from "./placement.ts";

const outcomes: readonly Outcome[] = ["completed", "failed", "cancelled", "expired"];
const whole: Extent = { kind: "whole", bytes: null };
const asked = (changed: Partial<ConsumeRequest>): ConsumeRequest => ({
  from: { kind: "start" },
  range: null,
  follow: "live",
  route: null,
  opening: "first",
  ...changed,
});
const cursor = (seq: number, log = "log"): From => ({ kind: "cursor", log, seq });

describe("P2: a reader of events, of a log of 5,", () => {
  const at = (seq: number, changed: Partial<Extract<Placement, { kind: "at" }>> = {}): Placement => ({
    kind: "at",
    seq,
    until: null,
    reset: null,
    extent: whole,
    ...changed,
  });
  const view = (outcome: Outcome | null): LogView => ({ log: "log", mode: "events", seq: 5, outcome });

  /** The same while the stream goes on, with any outcome, and on a body that goes on. */
  const anywhere: readonly (readonly [string, From, Placement])[] = [
    ["with no cursor begins at the start", { kind: "start" }, at(0)],
    ["with what is no cursor begins at the start, and is told", { kind: "unknown" }, at(0, { reset: "unknown" })],
    ["with a cursor of another log begins at the start, and is told", cursor(3, "other"), at(0, { reset: "foreign" })],
    ["with the end's seq of another log begins at the start, and is told", cursor(5, "other"), at(0, { reset: "foreign" })],
    ["with a cursor beyond the end begins at the start, and is told", cursor(6), at(0, { reset: "beyond-end" })],
    ["with a seq beyond the end begins at the start, and is told", { kind: "seq", seq: 6 }, at(0, { reset: "beyond-end" })],
    ["with a cursor goes on behind it", cursor(3), at(3)],
    ["with the cursor of seq 0 begins at the start", cursor(0), at(0)],
    ["with a seq goes on behind it", { kind: "seq", seq: 4 }, at(4)],
  ];
  test.each(anywhere)("%s", (_, from, placement) => {
    for (const outcome of [null, ...outcomes]) {
      for (const opening of ["first", "again"] as const) {
        expect(place(asked({ from, opening }), view(outcome))).toEqual(placement);
        expect(place(asked({ from, opening, follow: "stored" }), view(outcome))).toEqual({ ...placement, until: 5 });
      }
    }
  });

  const atEnd: readonly From[] = [cursor(5), { kind: "seq", seq: 5 }];
  test.each(atEnd)("P3: with the last position (%j) has everything once the stream has ended, and waits before", (from) => {
    expect(place(asked({ from }), view(null))).toEqual(at(5));
    expect(place(asked({ from, follow: "stored" }), view(null))).toEqual(at(5, { until: 5 }));
    for (const outcome of outcomes) {
      expect(place(asked({ from }), view(outcome))).toEqual({ kind: "complete", outcome });
      expect(place(asked({ from, follow: "stored" }), view(outcome))).toEqual({ kind: "complete", outcome });
    }
  });

  test.each(atEnd)("P3: with the last position (%j) is told the end itself on a body that is open already", (from) => {
    for (const outcome of [null, ...outcomes]) expect(place(asked({ from, opening: "again" }), view(outcome))).toEqual(at(5));
  });

  test("P3: of a log without an event, that ended, gets a body to be told so", () => {
    expect(place(asked({}), { ...view("failed"), seq: 0 })).toEqual(at(0));
    expect(place(asked({ from: cursor(0) }), { ...view("failed"), seq: 0 })).toEqual({ kind: "complete", outcome: "failed" });
  });

  test("is given no range", () => {
    expect(place(asked({ range: { kind: "from", first: 3, last: 4 } }), view(null))).toEqual(at(0));
  });
});

describe("P2: a reader of bytes, of a log of 10,", () => {
  const view = (outcome: Outcome | null, seq = 10): LogView => ({ log: "log", mode: "bytes", seq, outcome });
  const from = (first: number, last: number | null = null): ByteRange => ({ kind: "from", first, last });
  const suffix = (length: number): ByteRange => ({ kind: "suffix", length });
  const at = (seq: number, until: number | null, extent: Extent): Placement => ({ kind: "at", seq, until, reset: null, extent });
  const part = (first: number, last: number | null, total: number | null): Extent => ({ kind: "part", first, last, total });
  const none = (outcome: Outcome | null, bytes = 10): Placement => ({ kind: "unsatisfiable", bytes, outcome });

  test.each<[string, ByteRange | null, Placement]>([
    ["without a range gets all there will be", null, at(0, null, whole)],
    ["from the start gets all there will be", from(0), at(0, null, part(0, null, null))],
    ["from a byte gets what follows", from(4), at(4, null, part(4, null, null))],
    ["from the end waits for what follows", from(10), at(10, null, part(10, null, null))],
    ["from beyond the end is refused", from(11), none(null)],
    ["of a range gets what is there of it", from(4, 99), at(4, 10, part(4, 9, null))],
    ["of a range that is there gets it", from(4, 6), at(4, 7, part(4, 6, null))],
    ["of a range at the end, with an end, is refused for now", from(10, 12), none(null)],
    ["of an open end in RFC 8673's form follows", from(4, Number.MAX_SAFE_INTEGER), at(4, null, part(4, null, null))],
    ["of a last part gets the whole, since nobody knows the end", suffix(3), at(0, null, whole)],
  ])("that grows, %s", (_, range, placement) => {
    expect(place(asked({ range }), view(null))).toEqual(placement);
  });

  test.each<[string, ByteRange | null, Placement | "refused"]>([
    ["without a range gets all of it, and its length", null, at(0, null, { kind: "whole", bytes: 10 })],
    ["from a byte gets what follows", from(4), at(4, 10, part(4, 9, 10))],
    ["from the last byte gets it", from(9), at(9, 10, part(9, 9, 10))],
    ["from the end is refused", from(10), "refused"],
    ["of a range gets what is there of it", from(4, 99), at(4, 10, part(4, 9, 10))],
    ["of an open end gets what follows", from(4, Number.MAX_SAFE_INTEGER), at(4, 10, part(4, 9, 10))],
    ["of a last part gets it", suffix(3), at(7, 10, part(7, 9, 10))],
    ["of a last part over its length gets all of it", suffix(99), at(0, 10, part(0, 9, 10))],
    ["of a last part of nothing is refused", suffix(0), "refused"],
  ])("that completed or was cancelled, %s", (_, range, placement) => {
    for (const outcome of ["completed", "cancelled"] as const) {
      expect(place(asked({ range }), view(outcome))).toEqual(placement === "refused" ? none(outcome) : placement);
    }
  });

  test.each<[string, ByteRange | null, Placement | "refused"]>([
    ["without a range is told no length: it would look complete", null, at(0, null, whole)],
    ["from a byte is told no length", from(4), at(4, null, part(4, null, null))],
    ["from the start is told no length", from(0), at(0, null, part(0, null, null))],
    ["of a range that is there gets it", from(4, 6), at(4, 7, part(4, 6, null))],
    ["from the end is refused: nothing will follow", from(10), "refused"],
    ["from beyond the end is refused", from(11), "refused"],
    ["of a range at the end is refused", from(10, 12), "refused"],
    ["of a last part is told no length", suffix(3), at(0, null, whole)],
  ])("P3: that broke off, %s", (_, range, placement) => {
    for (const outcome of ["failed", "expired"] as const) {
      expect(place(asked({ range }), view(outcome))).toEqual(placement === "refused" ? none(outcome) : placement);
    }
  });

  test.each<[string, ByteRange | null, Placement | "refused"]>([
    ["without a range gets what there is, and its length", null, at(0, 10, { kind: "whole", bytes: 10 })],
    ["from a byte gets what there is behind it", from(4), at(4, 10, part(4, 9, 10))],
    ["of a range gets what there is of it", from(4, 99), at(4, 10, part(4, 9, 10))],
    ["of a last part gets it", suffix(3), at(7, 10, part(7, 9, 10))],
    ["from the end is refused", from(10), "refused"],
  ])("that is read as it stands, %s, whatever becomes of it", (_, range, placement) => {
    for (const outcome of [null, ...outcomes]) {
      expect(place(asked({ range, follow: "stored" }), view(outcome))).toEqual(placement === "refused" ? none(outcome) : placement);
    }
  });

  test("P3: that is empty is followed while it grows; that broke off, it is told no length, and refused to whoever asks by range", () => {
    expect(place(asked({ range: from(0) }), view(null, 0))).toEqual(at(0, null, part(0, null, null)));
    expect(place(asked({}), view("failed", 0))).toEqual(at(0, null, whole));
    expect(place(asked({ range: from(0) }), view("failed", 0))).toEqual(none("failed", 0));
    expect(place(asked({}), view("completed", 0))).toEqual(at(0, null, { kind: "whole", bytes: 0 }));
    expect(place(asked({ range: from(0) }), view("completed", 0))).toEqual(none("completed", 0));
    expect(place(asked({ follow: "stored" }), view(null, 0))).toEqual(at(0, 0, { kind: "whole", bytes: 0 }));
  });

  test("begins where its range says, and not at a cursor", () => {
    expect(place(asked({ from: cursor(4) }), view(null))).toEqual(at(0, null, whole));
    expect(place(asked({ from: cursor(4, "other"), range: from(2) }), view(null))).toEqual(at(2, null, part(2, null, null)));
  });

  test("P2: on a body that is open already goes on exactly where the body stands", () => {
    for (const outcome of [null, ...outcomes]) {
      expect(place(asked({ from: cursor(4), opening: "again" }), view(outcome))).toEqual(at(4, null, whole));
      expect(place(asked({ from: cursor(10), opening: "again" }), view(outcome))).toEqual(at(10, null, whole));
    }
    expect(place(asked({ from: cursor(11), opening: "again" }), view(null))).toMatchObject({ seq: 0, reset: "beyond-end" });
  });
});

test("P2: wherever a reader is placed is in the log, and what it is promised is there", () => {
  const range = fc.oneof(
    fc.constant(null),
    fc.record({ kind: fc.constant("from"), first: fc.nat(12), last: fc.oneof(fc.constant(null), fc.nat(12)) }).filter(({ first, last }) => last === null || last >= first),
    fc.record({ kind: fc.constant("suffix"), length: fc.nat(12) }),
  );
  const outcome = fc.constantFrom(null, ...outcomes);
  fc.assert(
    fc.property(range, fc.constantFrom("live", "stored"), fc.constantFrom("events", "bytes"), fc.nat(10), outcome, (wanted, follow, mode, seq, ended) => {
      const placement = place(asked({ range: wanted, follow }), { log: "log", mode, seq, outcome: ended });
      if (placement.kind !== "at") return;
      expect(placement.seq).toBeLessThanOrEqual(seq);
      if (placement.until !== null) expect([placement.seq <= placement.until, placement.until <= seq]).toEqual([true, true]);
      if (placement.extent.kind === "part") expect(placement.extent.first).toBe(placement.seq);
      if (placement.extent.kind === "part" && placement.extent.last !== null) expect(placement.until).toBe(placement.extent.last + 1);
    }),
  );
});
