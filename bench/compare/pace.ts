/** Owns a steady load: each stream gets its next event when it is due, however late the last one was taken. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Producing } from "../contenders/contender.ts";
import { eventOf } from "./contents.ts";

export interface Paced {
  readonly stream: string;
  readonly producing: Producing;
}

const tickMs = 1;

/**
 * Streams take turns within the interval. A latency counts from when its event was due: from when it was sent, a contender
 * that holds its producer up would look quick.
 */
export class Pace {
  readonly #writers: readonly Writer[];
  readonly #everyMs: number;
  readonly #firstN: number;
  #beganAtMs = 0;

  constructor(streams: readonly Paced[], { everyMs, firstN }: { readonly everyMs: number; readonly firstN: number }) {
    this.#writers = streams.map((each) => new Writer(each));
    this.#everyMs = everyMs;
    this.#firstN = firstN;
  }

  /** When event `n` of the stream with that index was due. */
  dueAtMs(index: number, n: number): number {
    const turn = (n - this.#firstN) * this.#writers.length + index;
    return this.#beganAtMs + (turn * this.#everyMs) / this.#writers.length;
  }

  /** Settles when the last event is due. @returns its number in each stream. */
  async run(lastsMs: number): Promise<number> {
    const count = this.#writers.length;
    const each = Math.floor(lastsMs / this.#everyMs);
    this.#beganAtMs = performance.now();
    for (let turn = 0; turn < each * count; await sleep(tickMs)) {
      const due = Math.min(each * count, Math.floor(((performance.now() - this.#beganAtMs) * count) / this.#everyMs) + 1);
      for (; turn < due; turn++) this.#writers[turn % count]?.add(this.#firstN + Math.floor(turn / count));
    }
    return this.#firstN + each - 1;
  }

  /** Settles when all that was due is taken. */
  async flushed(): Promise<void> {
    await Promise.all(this.#writers.map(async (writer) => writer.flushed()));
  }
}

/** One write at a time; what is due meanwhile goes with the next. */
class Writer {
  readonly #paced: Paced;
  #pending: string[] = [];
  #pumping: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(paced: Paced) {
    this.#paced = paced;
  }

  add(n: number): void {
    this.#pending.push(eventOf(this.#paced.stream, n));
    this.#pumping ??= this.#pump();
  }

  async flushed(): Promise<void> {
    await this.#pumping;
    if (this.#failure !== null) throw this.#failure;
  }

  async #pump(): Promise<void> {
    try {
      while (this.#pending.length > 0) await this.#paced.producing.write(this.#pending.splice(0));
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#pumping = null;
    }
  }
}
