/** Owns what may come of reading bytes or text from outside: a value or the one error class, and soon. */

import * as fc from "fast-check";
import { LongstreamError } from "../../protocol/errors.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { everyCase } from "./cases.ts";

export type Outcome<T> = { readonly kind: "read"; readonly value: T } | { readonly kind: "refused"; readonly code: ErrorCode };

/**
 * Processor time of one reading. What is linear needs less than a hundredth of it for a header of the largest size; what is
 * quadratic needs many times as much.
 */
const maxReadMs = 500;

/** @throws what was thrown, if it is no LongstreamError; Error for what took too long. */
export function outcomeOf<T>(read: () => T): Outcome<T> {
  const before = process.threadCpuUsage();
  const outcome = attempt(read);
  const { user, system } = process.threadCpuUsage(before);
  const usedMs = (user + system) / 1_000;
  if (usedMs > maxReadMs) throw new Error(`Reading took ${usedMs} ms of processor time, and may take ${maxReadMs}`);
  return outcome;
}

function attempt<T>(read: () => T): Outcome<T> {
  try {
    return { kind: "read", value: read() };
  } catch (error) {
    if (error instanceof LongstreamError) return { kind: "refused", code: error.code };
    throw error;
  }
}

/**
 * Checks what comes of each input. Gives the number of inputs that came out the rarer way: a property that met only what is
 * read, or only what is refused, has shown little.
 */
export function fuzz<I, T>(inputs: fc.Arbitrary<I>, read: (input: I) => T, check: (outcome: Outcome<T>, input: I) => void): number {
  const counts = { read: 0, refused: 0 };
  fc.assert(
    fc.property(inputs, (input) => {
      const outcome = outcomeOf(() => read(input));
      counts[outcome.kind]++;
      check(outcome, input);
    }),
    everyCase,
  );
  return Math.min(counts.read, counts.refused);
}
