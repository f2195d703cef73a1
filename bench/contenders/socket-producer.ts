/**
 * Owns the load generator's way into servers whose producer is in their own process by design: a WebSocket, as an upstream
 * that streams into them. The words are those of bench/peers/intake.ts.
 */

import { WebSocket } from "ws";
import type { Producing } from "./contender.ts";
import { Outbox } from "./outbox.ts";

interface Awaited {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Batches on their way; enough to keep the server busy while an acknowledgement travels. */
const maxInFlight = 4;

/** Settles when the server has opened the stream. */
export async function openSocketProducer(url: URL, maxBatchChars: number): Promise<Producing> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const awaited: Awaited[] = [];
  const answer = async (): Promise<void> =>
    new Promise((resolve, reject) => {
      awaited.push({ resolve, reject });
    });
  const lose = (why: string): void => {
    for (const { reject } of awaited.splice(0)) reject(new Error(`Cannot produce at ${url.href}: ${why}`));
  };
  // Each message of the server answers the oldest thing that waits: the opening, a batch.
  socket.on("message", () => awaited.shift()?.resolve());
  socket.on("error", (error) => lose(error.message));
  socket.on("close", (code) => lose(`the socket closed with ${code}`));
  const send = async (events: readonly string[]): Promise<void> => {
    socket.send(events.join("\n"));
    return answer();
  };
  await answer();
  const outbox = new Outbox({ maxInFlight, maxBatchChars, send });
  return { write: async (events) => outbox.write(events), settled: async () => outbox.settled() };
}
