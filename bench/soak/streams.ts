/** Owns the running streams of a soak: as one ends, the next begins, so that there is always one to join. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../local/stack.ts";
import type { Random } from "../support/random.ts";

export interface RunningStream {
  readonly id: string;
  /** Events it will have in the end. */
  readonly events: number;
  /** The highest seq any reader saw: a cursor up to it can be honoured. */
  seenSeq: number;
}

const sideBySide = 8;
const eventsEach = 6_000;
const intervalMs = 10;
/** One of them is so wide that a reader who stalls fills what the system buffers, and holds its writer up. */
const sizesBytes = [4_000, 400, 400, 400, 400, 400, 400, 400];

export class Streams {
  readonly #stack: Stack;
  readonly #running = new Map<number, RunningStream>();
  #begun = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** How many were begun so far. */
  get begun(): number {
    return this.#begun;
  }

  /** Settles when the last one has begun that begins before the signal. */
  async keepRunning(signal: AbortSignal): Promise<void> {
    const staggerMs = (eventsEach * intervalMs) / sideBySide;
    const slots = sizesBytes.slice(0, sideBySide).map(async (size, slot) => {
      // The first ones at once: somebody waits to join.
      await sleep(slot < 2 ? 0 : slot * staggerMs, undefined, { signal }).catch(() => undefined);
      while (!signal.aborted) await this.#runOne(slot, size);
    });
    await Promise.all(slots);
  }

  /** Undefined while none runs. */
  choose(random: Random): RunningStream | undefined {
    const all = [...this.#running.values()];
    return all.length === 0 ? undefined : random.oneOf(all);
  }

  async #runOne(slot: number, size: number): Promise<void> {
    const url = new URL(`/count?n=${eventsEach}&intervalMs=${intervalMs}&size=${size}`, this.#stack.worker.url);
    const response = await fetch(url, { headers: { prefer: "respond-async" } });
    await response.body?.cancel();
    const id = response.headers.get("stream-id");
    if (response.status !== 202 || id === null) throw new Error(`Cannot soak: a new stream was answered with ${response.status}`);
    this.#running.set(slot, { id, events: eventsEach, seenSeq: 0 });
    this.#begun++;
    await this.#ended(id);
    this.#running.delete(slot);
  }

  async #ended(id: string): Promise<void> {
    for (;;) {
      await sleep(500);
      const status: unknown = await (await fetch(new URL(`/streams/${id}/status`, this.#stack.worker.url))).json();
      if (typeof status !== "object" || status === null || !("outcome" in status)) throw new Error("Cannot soak: the status is no status");
      if (status.outcome === "completed") return;
      if (status.outcome !== null) throw new Error(`Cannot soak: a stream ended as ${JSON.stringify(status)}`);
    }
  }
}
