/** Owns dialling in by hand: a producer's socket, and when it counts as closed. */

import { WebSocket } from "ws";

/** What an invocation was handed. */
export interface Invocation {
  readonly streamId: string;
  readonly attempt: number;
  readonly ticket: string;
}

export interface Close {
  /** 1006 where the connection was lost without a word. */
  readonly code: number;
  readonly reason: string;
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
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString("utf8") }));
  });
}
