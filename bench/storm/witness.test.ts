/** Owns the tests of what a witness finds in the events, bytes and ends a reader sees. */

import { describe, expect, test } from "vitest";
import { noiseContent } from "./contents.ts";
import { noTally, witnessed } from "./testing.ts";
import { Witness } from "./witness.ts";

describe("a witness", () => {
  test.each([
    ["a loss", [["s-1", '{"n":1}'], ["s-3", '{"n":3}']], "got event 3 where 2 is due"],
    ["a duplicate", [["s-1", '{"n":1}'], ["s-1", '{"n":1}']], "got event 1 again"],
    ["a change of order", [["s-2", '{"n":2}'], ["s-1", '{"n":1}']], "got event 1 again"],
    ["an altered event", [["s-1", '{"n":2}']], "event 1 is"],
    ["one too many", [["s-1", '{"n":1}'], ["s-2", '{"n":2}'], ["s-3", '{"n":3}'], ["s-4", '{"n":4}']], "event 4 is"],
    ["another log", [["t-1", '{"n":1}']], 'the id "t-1"'],
  ] as const)("finds %s", (_what, events, violation) => {
    expect(witnessed(...events).violations.join("\n")).toContain(violation);
  });

  test("finds a byte that is another, and one too many", () => {
    const [wrong, long] = [new Witness("s", "range", noiseContent(4), noTally()), new Witness("s", "range", noiseContent(4), noTally())];
    const bytes = Uint8Array.from([0, 1, 2, 3, 4], (i) => Math.imul(i, 0x9e3779b1) >>> 24);
    wrong.bytes(bytes.with(2, 0).subarray(0, 4));
    long.bytes(bytes);
    expect([wrong.violations, long.violations]).toEqual([[expect.stringContaining("the byte at 2")], [expect.stringContaining("5 bytes of 4")]]);
  });

  test("finds an event, another outcome and another end behind longstream.end", () => {
    const witness = witnessed(["s-1", '{"n":1}']);
    witness.tell({ outcome: "cancelled", errorCode: "cancelled" });
    witness.tell({ outcome: "cancelled", errorCode: "cancelled" });
    witness.finish("cancelled");
    expect(witness.violations, "told again, where the telling was cut").toEqual([]);
    witness.event("s-2", '{"n":2}');
    witness.tell({ outcome: "failed", errorCode: "handler-failed" });
    witness.finish("completed");
    expect(witness.violations).toEqual([
      expect.stringContaining("got event 2 after longstream.end"),
      expect.stringContaining("was told failed after cancelled"),
      expect.stringContaining("ended as completed after longstream.end told it failed"),
    ]);
  });
});
