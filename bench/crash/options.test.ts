/** Owns the tests of a crash run's command line. */

import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test.each<[args: readonly string[], kills: number, seed: number]>([
  [[], 200, 1],
  [["--kills", "3", "--seed", "0"], 3, 0],
])("%j is read", (args, kills, seed) => {
  expect(readOptions(args)).toEqual({ kills, seed });
});

test.each<[args: readonly string[], said: string]>([
  [["--kills", "x"], 'Cannot run: --kills must be a whole number of at least 1, and it is "x"'],
  [["--kills", "0"], 'Cannot run: --kills must be a whole number of at least 1, and it is "0"'],
  [["--seed", "1.5"], 'Cannot run: --seed must be a whole number of at least 0, and it is "1.5"'],
  [["--kill", "3"], "--kill"],
])("%j is refused", (args, said) => {
  expect(() => readOptions(args)).toThrow(said);
});
