/** Owns reaching a stream's object: trouble that passes is tried again, and what remains is `unavailable`. */

import pRetry from "p-retry";
import { LongstreamError, describe } from "../protocol/errors.ts";
import type { Env } from "./env.ts";

export type StreamStub = ReturnType<Env["STREAMS"]["get"]>;

/** A restarting object answers again within this; a client that waits longer does better to come back. */
const patience = 3;
/** For what nobody else could make good: a client does not send its upload again. */
export const longPatience = 10;

const passing = {
  minTimeout: 50,
  factor: 3,
  maxTimeout: 2_000,
  shouldRetry: ({ error }: { readonly error: Error }) => error instanceof LongstreamError && error.code === "unavailable",
};

/** A stub that has failed once stays broken: take a new one for each try. */
export function stubOf(env: Env, id: string): StreamStub {
  return env.STREAMS.get(env.STREAMS.idFromName(id));
}

/**
 * For calls that may be made twice.
 *
 * @throws LongstreamError `unavailable`.
 */
export async function callAgain<T>(call: () => Promise<T>, retries: number = patience): Promise<T> {
  return pRetry(async () => callOnce(call), { ...passing, retries });
}

/** @throws LongstreamError `unavailable`. */
export async function callOnce<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof LongstreamError) throw error;
    throw new LongstreamError("unavailable", `Cannot reach the stream's object now: ${describe(error)}; try again`, { cause: error });
  }
}
