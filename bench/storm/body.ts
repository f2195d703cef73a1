/** Owns one connection of a storm's reader: opened raw, read a while, stalled and left at random. */

import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../support/random.ts";

/** `left` by the reader itself; `cut` is what a client sees as a network error. */
export type BodyEnd = "clean" | "cut" | "left";

const answerLimitMs = 45_000;

/** Null when the network failed before an answer. */
export async function connect(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage | null> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, headers }, resolve);
    request.setTimeout(answerLimitMs, () => request.destroy());
    request.on("error", () => resolve(null));
  });
}

export function discard(message: IncomingMessage): void {
  message.on("error", () => undefined);
  message.destroy();
}

const leaveShare = 0.35;
const stallShare = 0.3;
const longestReadMs = 6_000;
const longestStallMs = 5_000;

/** Once `calm` fires, and with no randomness at all, the body is read to its end. */
export async function readBody(
  message: IncomingMessage,
  { random, calm, stop, take }: { readonly random: Random | null; readonly calm: AbortSignal; readonly stop: AbortSignal; readonly take: (chunk: Buffer) => void },
): Promise<BodyEnd> {
  let left = false;
  const over = new AbortController();
  const closed = new Promise<void>((resolve) => {
    message.on("error", () => undefined);
    message.on("close", resolve);
  });
  message.on("data", (chunk: Buffer) => {
    if (!left) take(chunk);
  });
  const behaved = random === null ? null : behave(message, random, AbortSignal.any([over.signal, calm]), () => (left = true));
  const giveUp = (): unknown => message.destroy();
  stop.addEventListener("abort", giveUp);
  if (stop.aborted) giveUp();
  await closed;
  stop.removeEventListener("abort", giveUp);
  over.abort();
  await behaved;
  if (left) return "left";
  return message.complete ? "clean" : "cut";
}

/** The moments are drawn whether they come to pass or not, so that a rerun draws the same. */
async function behave(message: IncomingMessage, random: Random, signal: AbortSignal, leave: () => void): Promise<void> {
  const stallAfterMs = random.next() * longestReadMs;
  const stallMs = random.chance(stallShare) ? random.next() * longestStallMs : 0;
  const leaveAfterMs = random.chance(leaveShare) ? random.next() * longestReadMs : null;
  try {
    if (stallMs > 0) {
      await sleep(stallAfterMs, undefined, { signal });
      message.pause();
      await sleep(stallMs, undefined, { signal });
      message.resume();
    }
    if (leaveAfterMs === null) return;
    await sleep(leaveAfterMs, undefined, { signal });
    leave();
    message.destroy();
  } catch (error) {
    if (!signal.aborted) throw error;
    message.resume();
  }
}
