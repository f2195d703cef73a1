/** Owns dialling in by hand: a producer's socket, and when it counts as closed. */

import { WebSocket } from "ws";
import type { Invocation } from "../support/invocations.ts";

/** The code of a connection that was lost without a word, or never upgraded: what is seen of a process that was killed. */
export const lost = 1006;

export interface Close {
  readonly code: number;
  readonly reason: string;
  /** Of an answer that was no upgrade; null where there was none. */
  readonly status: number | null;
}

/** Behind a close frame the connection may stay open for long (workerd, 2026-11); the frame says all there is to know. */
const closeTimeout = 200;

export function dial(url: URL, { streamId, ticket }: Invocation, run: string): WebSocket {
  const dialled = new URL(`/streams/${streamId}/producer`, url);
  dialled.protocol = "ws:";
  const options = { headers: { authorization: `Bearer ${ticket}`, "longstream-producer": run }, perMessageDeflate: false, closeTimeout };
  return new WebSocket(dialled, options);
}

export async function closeOf(socket: WebSocket): Promise<Close> {
  return new Promise((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString("utf8"), status: null }));
    socket.on("unexpected-response", (_request, { statusCode = 0, statusMessage = "" }) => {
      resolve({ code: lost, reason: statusMessage, status: statusCode });
      // Who listens to it has to end the request, and is told of the close only so.
      socket.terminate();
    });
  });
}
