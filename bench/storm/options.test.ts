/** Owns the tests of a storm's command line. */

import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test("reads minutes, streams and seed, each with a value of its own where it is absent", () => {
  expect(readOptions(["--minutes", "14", "--streams", "22", "--seed", "0"])).toEqual({ durationMs: 840_000, streams: 22, seed: 0 });
  expect(readOptions([])).toEqual({ durationMs: 60_000, streams: 10, seed: 1 });
});

test.each([
  ["--minutes", "14m", 'Cannot run: --minutes must be a whole number of at least 1, and it is "14m"'],
  ["--minutes", "0", 'Cannot run: --minutes must be a whole number of at least 1, and it is "0"'],
  ["--streams", "", 'Cannot run: --streams must be a whole number of at least 1, and it is ""'],
  ["--seed", "x", 'Cannot run: --seed must be a whole number of at least 0, and it is "x"'],
])("%s %s ends the run before it begins", (option, text, message) => {
  expect(() => readOptions([option, text])).toThrow(message);
});
