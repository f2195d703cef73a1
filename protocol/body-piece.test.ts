/** Owns the tests of the frame that carries a piece of a request body. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBodyPiece, encodeBodyPiece } from "./body-piece.ts";

test("a piece is its version, its offset and its bytes", () => {
  expect([...encodeBodyPiece({ offset: 300, bytes: Uint8Array.of(7, 8) })]).toEqual([1, 0xac, 0x02, 7, 8]);
});

test("any piece comes out as it went in", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 50 }), (offset, bytes) => {
      expect(decodeBodyPiece(encodeBodyPiece({ offset, bytes }))).toEqual({ offset, bytes });
    }),
  );
});

test.each([
  ["an empty frame", [], "Cannot read the body frame: it ends before its version"],
  ["another version", [2, 0], "Cannot read the body frame: its version is 2, not 1"],
  ["a frame without an offset", [1], "Cannot read the body frame: it ends before its offset"],
])("%s is refused", (_what, frame, message) => {
  expect(() => decodeBodyPiece(Uint8Array.from(frame))).toThrow(message);
});
