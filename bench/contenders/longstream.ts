/** Owns the contender longstream: the real stack, and the runtime's own sessions, without their functions, in the process that measures. */

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Link } from "../../lambda-runtime/link.ts";
import { logStart } from "../../lambda-runtime/outbox.ts";
import { Session } from "../../lambda-runtime/session.ts";
import { startStack } from "../../local/stack.ts";
import type { Stack } from "../../local/stack.ts";
import { streamPath } from "../../protocol/http.ts";
import { openStream } from "../support/hand-producer.ts";
import type { Invocation } from "../support/invocations.ts";
import { readById } from "./by-id.ts";
import type { Contender, Producing, Running } from "./contender.ts";

/** Settings are as they come, but for a crowd of a thousand readers beside the one that opens the stream. */
const settings = { maxConsumers: 2_000 };
const path = "/silent";
/** Longer than any work. */
const invocationMs = 3_600_000;
const pollMs = 1;

export const longstream: Contender = { name: "longstream", keeps: "disk", needs: "nothing", cannot: {}, start };

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
      return SessionProducer.dial(stack, dialled);
    },
    read: async (stream, from, take, feed) => readById(new URL(streamPath(ids.get(stream) ?? stream), stack.worker.url), from, take, feed),
    close: async () => stack.close(),
  };
}

/** What the runtime does behind a handler, by its own code: batches, window, resending, pings. */
class SessionProducer implements Producing {
  readonly #session: Session;
  #room: Promise<void> | null = null;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async dial(stack: Stack, { streamId, attempt, ticket }: Invocation): Promise<SessionProducer> {
    const session = new Session({ resume: "replay" });
    const url = new URL(streamPath(streamId), stack.worker.url).href;
    const link = new Link({ longstream: 1, stream: streamId, attempt, url, ticket }, "bench", session, Date.now() + invocationMs);
    await link.connect();
    link.keepAlive((await session.welcomed).leaseMs);
    session.startFrom(logStart, logStart, { status: 200, headers: [], mode: "events" });
    return new SessionProducer(session);
  }

  async write(events: readonly string[]): Promise<void> {
    let full = false;
    for (const event of events) full = this.#session.push(Buffer.from(`data: ${event}\n`, "utf8"), "");
    if (!full) return;
    // A session has one that waits.
    this.#room ??= this.#unlessStopped(this.#session.room()).finally(() => {
      this.#room = null;
    });
    await this.#room;
  }

  async settled(): Promise<void> {
    while (this.#session.unsettled) await this.#unlessStopped(sleep(pollMs));
  }

  async #unlessStopped(work: Promise<void>): Promise<void> {
    const settled = await this.#session.stop.orStop(work);
    if ("stopped" in settled) throw new Error(`Cannot go on producing: ${JSON.stringify(settled.stopped)}`);
  }
}
