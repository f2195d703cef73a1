/** Owns what the object writes on its sockets so that they are known after hibernation (at most 16 KiB each). */

import type { ConsumeRequest } from "../protocol/consumer-frames.ts";
import { closeCodes } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Producer } from "./stream-state.ts";

export interface ProducerAttachment {
  readonly kind: "producer";
  readonly producer: Producer;
  /** When it dialled, milliseconds since the epoch: the first proof of life. */
  readonly since: number;
}

export interface ConsumerAttachment {
  readonly kind: "consumer";
  readonly follow: ConsumeRequest["follow"];
  /** Log offset up to which the Worker takes bytes. */
  readonly upTo: number;
  /** The seq it was sent last; null while it is level with the log's end and gets commits as they are made. */
  readonly behind: number | null;
}

/** `closed`: the object is done with it, whatever still arrives. */
export type Attachment = ProducerAttachment | ConsumerAttachment | { readonly kind: "closed" };

export function attachmentOf(socket: WebSocket): Attachment {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only attach() and retire() below write it
  return (socket.deserializeAttachment() as Attachment | null) ?? { kind: "closed" };
}

export function attach(socket: WebSocket, attachment: ProducerAttachment | ConsumerAttachment): void {
  socket.serializeAttachment(attachment);
}

/**
 * Sends, or retires a socket that cannot be sent to any more. It must not throw: half of a commit's readers would have
 * it and the others never get it.
 */
export function sendOrRetire(socket: WebSocket, data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void {
  try {
    socket.send(data);
  } catch {
    retire(socket, closeCodes.done, "closed");
  }
}

const encoder = new TextEncoder();

/** Closes a socket for good: what it still sends, and its close, mean nothing any more. */
export function retire(socket: WebSocket, code: number, reason: string): void {
  socket.serializeAttachment({ kind: "closed" } satisfies Attachment);
  try {
    socket.close(code, cut(reason));
  } catch {
    // The peer was faster: it is closed, which is what was wanted.
  }
}

function cut(reason: string): string {
  let text = reason;
  while (encoder.encode(text).length > limits.maxCloseReasonBytes) text = text.slice(0, -8);
  return text;
}
