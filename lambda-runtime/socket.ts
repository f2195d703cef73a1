/** Owns one WebSocket to the object: dialling it, and telling a refusal that is final from trouble that passes. */

import { WebSocket } from "ws";
import { LongstreamError, closeCodes, describe } from "../protocol/errors.ts";
import { headerNames, streamPath } from "../protocol/http.ts";
import type { Invocation } from "../protocol/invocation.ts";
import { limits } from "../protocol/limits.ts";
import { pong } from "../protocol/producer-messages.ts";
import type { Transport } from "./session.ts";

/** What a connection reports to whoever keeps it. */
export interface SocketEvents {
  /** In the turn of the upgrade: the object's first message may have come in the same packet. */
  readonly open: (transport: Transport) => void;
  readonly message: (data: string | Uint8Array) => void;
  /** The answer to a ping. */
  readonly pong: () => void;
  readonly close: (code: number, reason: string) => void;
}

const handshakeTimeoutMs = 5_000;

/**
 * Connections of this process. An environment that was frozen in mid-invocation keeps its socket, and on thaw, during
 * another invocation, would send what it had.
 */
const open = new Set<WebSocket>();

export function destroyLeftovers(): void {
  for (const socket of open) socket.terminate();
  open.clear();
}

/** @throws LongstreamError `bad-ticket` or `stream-not-found`, which are final, or `unavailable`. */
export async function dial(invocation: Invocation, run: string, events: SocketEvents): Promise<void> {
  const socket = new WebSocket(producerUrl(invocation), {
    headers: { authorization: `Bearer ${invocation.ticket}`, [headerNames.producer]: run },
    handshakeTimeout: handshakeTimeoutMs,
    perMessageDeflate: false,
    maxPayload: 2 * limits.maxFrameBytes,
  });
  const transport: Transport = {
    send: (data) => socket.send(data, () => undefined),
    close: (code, reason) => socket.close(code, reason),
    abandon: () => socket.terminate(),
  };
  open.add(socket);
  socket.on("close", () => open.delete(socket));
  socket.once("open", () => {
    socket.on("close", (code, reason) => events.close(code, reason.toString("utf8")));
    events.open(transport);
  });
  socket.on("message", (data, isBinary) => {
    const bytes = toBytes(data);
    if (isBinary) return events.message(bytes);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    return text === pong ? events.pong() : events.message(text);
  });
  await opened(socket);
}

async function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", resolve);
    // Stays on: an error after the upgrade is followed by the close that is acted on.
    socket.on("error", (error) => reject(new LongstreamError("unavailable", `Cannot dial the gateway: ${describe(error)}`)));
    socket.once("unexpected-response", (request, response) => {
      // A refused one closes without saying so.
      open.delete(socket);
      reject(refusal(response.statusCode ?? 0));
      response.resume();
      request.destroy();
    });
  });
}

function refusal(status: number): LongstreamError {
  if (status === 401) {
    return new LongstreamError("bad-ticket", "Cannot dial in: the gateway refused the ticket (401); the invocation started too late, or TICKET_SECRET changed");
  }
  if (status === 404) return new LongstreamError("stream-not-found", "Cannot dial in: the stream is gone (404)");
  return new LongstreamError("unavailable", `Cannot dial in: the gateway answered ${status}`);
}

function producerUrl({ url, stream }: Invocation): string {
  const target = new URL(streamPath(stream, "producer"), url);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  return target.href;
}

function toBytes(data: WebSocket.RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

export const quietClose = { code: closeCodes.done, reason: "done" } as const;
