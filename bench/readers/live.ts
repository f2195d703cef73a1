/** Owns a producer and a reader at a steady pace, and the time an event takes from one to the other. */

import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { behindPreamble, byBlock, openBody } from "../support/body.ts";
import { insist, quantile } from "../support/figures.ts";
import type { HandProducer } from "../support/hand-producer.ts";

const frameMs = 20;
const eventsPerFrame = 10;

/** Each event carries the moment it was sent, on this process's clock. */
export function runLive(producer: HandProducer): { stop(): Promise<void> } {
  const controller = new AbortController();
  const run = async (): Promise<void> => {
    const pad = "x".repeat(400);
    while (!controller.signal.aborted) {
      const payload = Buffer.from(`data: {"atMs":${performance.now()},"pad":"${pad}"}\n`);
      await producer.send(Array.from({ length: eventsPerFrame }, () => payload));
      await sleep(frameMs);
    }
    await producer.allAcked();
  };
  const running = run();
  return {
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}

/** Fails the benchmark at the first event that is not the next one. */
export class LiveReader {
  readonly #body: IncomingMessage;
  #seq: number;
  #latenciesMs: number[] = [];

  private constructor(body: IncomingMessage, seq: number) {
    this.#body = body;
    this.#seq = seq;
  }

  static async open(url: URL, streamId: string, seq: number): Promise<LiveReader> {
    const body = await openBody(new URL(`/streams/${streamId}`, url), { cursor: `${streamId}-${seq}` });
    const reader = new LiveReader(body, seq);
    body.on("data", behindPreamble(byBlock((block) => reader.#take(block, streamId))));
    body.on("error", (error) => {
      if (!body.destroyed) throw error;
    });
    return reader;
  }

  /** Begins to count anew. */
  forget(): void {
    this.#latenciesMs = [];
  }

  pace(lastedMs: number): string {
    const latencies = this.#latenciesMs;
    const at = (share: number): string => quantile(latencies, share).toFixed(1);
    return `${Math.round((latencies.length * 1_000) / lastedMs)} events/s, latency p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
  }

  /** Settles when it has everything up to `seq`, and leaves. */
  async until(seq: number): Promise<void> {
    while (this.#seq < seq) await sleep(frameMs);
    this.#body.destroy();
  }

  #take(block: string, streamId: string): void {
    if (block.startsWith(":")) return;
    const [, sentAt, id] = /^data: \{"atMs":([\d.]+),.*\nid: (\S+)$/.exec(block) ?? [];
    this.#seq++;
    insist(id === `${streamId}-${this.#seq}`, `the fast reader got ${block} where ${this.#seq} was next`);
    this.#latenciesMs.push(performance.now() - Number(sentAt));
  }
}
