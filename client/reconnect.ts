/** Owns when a request is made again, and how long after. */

import { LongstreamError } from "../protocol/errors.ts";
import { Drop } from "./failures.ts";
import type { RetryOptions } from "./types.ts";

/** What a timer can hold; more would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** How long to wait and how often to try: the server's word is the least, and the spread doubles with each failure. */
export class Pace {
  readonly tries: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #toldMs: number | null = null;

  constructor({ minMs = 1_000, maxMs = 30_000, tries = 10 }: RetryOptions, random: () => number) {
    this.tries = tries;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The server's `retry:`, of the latest connection that had one. A 0 would have no end of requests follow. */
  told(ms: number): void {
    this.#toldMs = ms > 0 ? Math.min(ms, longestTimerMs) : null;
  }

  /**
   * Milliseconds before the next try, after `failures` in a row. The server draws its word at random, so that the
   * clients of one restart do not return together; where there is none, it is drawn here.
   */
  waitMs(failures: number): number {
    const least = this.#toldMs ?? Math.min(this.#maxMs, this.#minMs * (1 + this.#random()));
    return least + this.#random() * Math.max(0, Math.min(this.#maxMs, least * 2 ** failures) - least);
  }
}

/**
 * Runs `attempt` until it settles with anything but a failure that another try may cure.
 *
 * @throws LongstreamError `unavailable` after `pace.tries` failures; the signal's reason; anything else as it comes.
 */
export async function retrying<T>(pace: Pace, start: "now" | "after-wait", signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; ) {
    if (failures > 0 || start === "after-wait") await pause(pace.waitMs(failures), signal);
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Drop)) throw error;
      if (++failures >= pace.tries) throw new LongstreamError("unavailable", `${error.message} (${failures} tries in a row came to nothing)`, { cause: error });
    }
  }
}

/** @throws the signal's reason. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", resolve);
  if (!signal.aborted) await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", resolve);
  signal.throwIfAborted();
}
