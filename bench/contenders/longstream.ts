/** Owns the contender longstream: the real stack, with its producers played by hand in the process that measures. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startStack } from "../../local/stack.ts";
import { limits } from "../../protocol/limits.ts";
import { HandProducer, openStream } from "../support/hand-producer.ts";
import { readById } from "./by-id.ts";
import type { Contender, Producing, Running } from "./contender.ts";

/** Settings are as they come, but for a crowd of a thousand readers beside the one that opens the stream. */
const settings = { maxConsumers: 2_000 };
const path = "/silent";

export const longstream: Contender = { name: "longstream", keeps: "disk", cannot: {}, start };

async function start(dir: string): Promise<Running> {
  const stack = await startStack({
    port: 0,
    dir,
    functionDirs: [fileURLToPath(new URL("../../e2e/functions", import.meta.url))],
    vars: {
      TICKET_SECRET: "bench-secret-0123456789-0123456789-01",
      STREAM_DEFAULTS: settings,
      ROUTES: [{ path, kind: "events", function: "silent", region: "us-east-1" }],
    },
  });
  /** The gateway gives streams their names. */
  const ids = new Map<string, string>();
  return {
    get pids() {
      return [stack.worker.pid];
    },
    produce: async (stream) => {
      const dialled = await openStream(stack, path);
      ids.set(stream, dialled.streamId);
      return new RuntimeLike(await HandProducer.dial(stack, dialled));
    },
    read: async (stream, from, take) =>
      readById({ url: new URL(`/streams/${ids.get(stream) ?? stream}`, stack.worker.url), cleanEnd: "lost", overName: "longstream.end", from, take }),
    close: async () => stack.close(),
  };
}

/** Sends as the runtime does: what is handed over within a turn goes together, in frames of up to `frameBytes`. */
class RuntimeLike implements Producing {
  readonly #producer: HandProducer;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #pumping: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(producer: HandProducer) {
    this.#producer = producer;
  }

  async write(events: readonly string[]): Promise<void> {
    for (const event of events) {
      const payload = Buffer.from(`data: ${event}\n`, "utf8");
      this.#pending.push(payload);
      this.#pendingBytes += payload.length;
    }
    this.#pumping ??= this.#pump();
    if (this.#pendingBytes >= limits.frameBytes) await this.#pumping;
    if (this.#failure !== null) throw this.#failure;
  }

  async settled(): Promise<void> {
    await this.#pumping;
    if (this.#failure !== null) throw this.#failure;
    return this.#producer.allAcked();
  }

  async end(): Promise<void> {
    await this.settled();
    return this.#producer.end();
  }

  async #pump(): Promise<void> {
    try {
      await nextTurn();
      while (this.#pending.length > 0) await this.#producer.send(this.#cutFrame());
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#pumping = null;
    }
  }

  #cutFrame(): readonly Buffer[] {
    let count = 0;
    let byteLength = 0;
    for (const payload of this.#pending) {
      if (count > 0 && byteLength + payload.length > limits.frameBytes) break;
      byteLength += payload.length;
      count++;
    }
    this.#pendingBytes -= byteLength;
    return this.#pending.splice(0, count);
  }
}
