/** Owns when a request is made again, and how long after. */

import pRetry from "p-retry";
import { LongstreamError } from "../protocol/errors.ts";
import { Drop, gaveUp } from "./failures.ts";
import type { RetryOptions } from "./types.ts";

/** What a timer can hold; more would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** How long to wait: the server's word is the least, and the spread doubles with each failure in a row. */
export class Pace {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #toldMs: number | null = null;

  constructor({ minMs = 1_000, maxMs = 30_000 }: RetryOptions, random: () => number) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The server's `retry:`, of the latest connection that had one. */
  told(ms: number): void {
    this.#toldMs = Math.min(ms, longestTimerMs);
  }

  /**
   * Milliseconds before the next try. The server draws its word at random, so that the clients of one restart do not
   * return together; where there is none, it is drawn here.
   */
  waitMs(failures: number): number {
    const least = this.#toldMs ?? Math.min(this.#maxMs, this.#minMs * (1 + this.#random()));
    const most = Math.max(least, Math.min(this.#maxMs, least * 2 ** failures));
    return least + this.#random() * (most - least);
  }
}

export interface Retrying {
  readonly pace: Pace;
  readonly tries: number;
  /** Whether the first try waits as well, as it does after a connection that worked. */
  readonly start: "now" | "after-wait";
  readonly signal: AbortSignal;
}

/**
 * Runs `attempt` until it settles with anything but a failure that another try may cure. p-retry counts and stops; the
 * wait is made here, since the server may change it by the very connection that failed.
 *
 * @throws LongstreamError `unavailable` after `tries` tries; any other as it comes.
 */
export async function retrying<T>({ pace, tries, start, signal }: Retrying, attempt: () => Promise<T>): Promise<T> {
  const run = async (count: number): Promise<T> => {
    if (count > 1 || start === "after-wait") await pause(pace.waitMs(count - 1), signal);
    return attempt();
  };
  try {
    return await pRetry(run, { retries: Math.max(tries, 1) - 1, minTimeout: 0, signal, shouldRetry });
  } catch (error) {
    throw error instanceof Drop ? gaveUp(tries, error) : error;
  }
}

/** A `Drop`, or what the caller's `headers` threw; p-retry itself takes a `TypeError` that is no network's for a mistake. */
function shouldRetry({ error }: { readonly error: Error }): boolean {
  return !(error instanceof LongstreamError);
}

/** @throws the signal's reason. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
  signal.throwIfAborted();
}
