/** Owns when a request is made again, and how long after. */

import { LongstreamError } from "../protocol/error-codes.ts";
import type { ErrorCode } from "../protocol/error-codes.ts";
import { Drop } from "./failures.ts";
import type { RetryOptions } from "./types.ts";

/** What a timer can hold; more would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** How long to wait and how often to try: the server's word is the least, and the spread doubles with each failure. */
export class Pace {
  /** Silence after which an event stream's connection is taken for dead. At first for the gateway's default heartbeat. */
  silenceMs = 45_000;
  readonly #tries: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #toldMs: number | null = null;

  constructor({ minMs = 1_000, maxMs = 30_000, tries = 10 }: RetryOptions, random: () => number) {
    this.#tries = tries;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The server's `retry:`, of the latest connection that had one. A 0 would have no end of requests follow. */
  told(ms: number): void {
    this.#toldMs = ms > 0 ? Math.min(ms, longestTimerMs) : null;
  }

  /** After a silence: it may have been a heartbeat slower than was thought, and must not end every connection to come. */
  grow(): void {
    this.silenceMs = Math.min(2 * this.silenceMs, longestTimerMs);
  }

  /**
   * Milliseconds before the next try, after `failures` in a row. The server draws its word at random, so that the
   * clients of one restart do not return together; where there is none, it is drawn here.
   */
  waitMs(failures: number): number {
    const least = this.#toldMs ?? Math.min(this.#maxMs, this.#minMs * (1 + this.#random()));
    return least + this.#random() * Math.max(0, Math.min(this.#maxMs, least * 2 ** failures) - least);
  }

  /**
   * Settles when it is time for another try, with the failures in a row.
   *
   * @throws the error where another try would not cure it; LongstreamError `unavailable` after `tries` failures; the
   * signal's reason.
   */
  async again(error: unknown, before: number, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    if (!(error instanceof Drop)) throw error;
    // The gateway has said that the stream goes on.
    const failures = error.cause === ("head-timeout" satisfies ErrorCode) ? 0 : before + 1;
    if (failures >= this.#tries) throw new LongstreamError("unavailable", `${error.message} (${failures} tries in a row came to nothing)`, { cause: error });
    await pause(this.waitMs(failures), signal);
    return failures;
  }
}

/**
 * For a signal that is not aborted yet.
 *
 * @throws the signal's reason.
 */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", resolve);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", resolve);
  signal.throwIfAborted();
}
