/** Owns the tests of reading the numbers of a command line. */

import { expect, test } from "vitest";
import { readCount } from "./options.ts";

test.each([["0", 0], ["7", 7], ["007", 7], ["99999999", 99_999_999]])("--kills %s is %i", (text, expected) => {
  expect(readCount("kills", text, 200, 0)).toBe(expected);
});

test("without the option, what it is then is taken as it is", () => {
  expect(readCount("kills", undefined, 200, 1)).toBe(200);
});

test.each(["x", "", " ", "-1", "+1", "1.5", "1e3", "0x10", "Infinity", "NaN", "1 ", "123456789", "0"])("--kills %j is refused", (text) => {
  expect(() => readCount("kills", text, 200, 1)).toThrow(`Cannot run: --kills must be a whole number of at least 1, and it is "${text}"`);
});
