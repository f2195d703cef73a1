/** Owns how many cases a property is given, and from which seed: FUZZ_CASES and FUZZ_SEED, by way of vitest.config.ts. */

import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    readonly fuzzCases: number;
    /** Null takes another one each time; fast-check tells it with a failure, as `seed`. */
    readonly fuzzSeed: number | null;
  }
}

/** Fewer might, by chance, show a property none of what it is about. */
const leastCases = 1_000;

interface Runs {
  readonly numRuns: number;
  readonly seed?: number;
}

/** For a property of one case a run. */
export const everyCase = readRuns(inject("fuzzCases"), inject("fuzzSeed"));

/** For a property of several cases a run. */
export function casesBy(perRun: number): Runs {
  return { ...everyCase, numRuns: Math.ceil(everyCase.numRuns / perRun) };
}

function readRuns(cases: number, seed: number | null): Runs {
  if (!Number.isSafeInteger(cases) || cases < leastCases) throw new Error(`Cannot fuzz: FUZZ_CASES is no integer of at least ${leastCases}`);
  if (seed === null) return { numRuns: cases };
  if (!Number.isSafeInteger(seed)) throw new Error("Cannot fuzz: FUZZ_SEED is no integer; a failure tells it as seed");
  return { numRuns: cases, seed };
}
