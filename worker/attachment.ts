/** Owns what the object writes on its sockets so that they are known after hibernation (at most 16 KiB each). */

import type { ConsumeRequest } from "../protocol/consumer-frames.ts";
import { limits } from "../protocol/limits.ts";
import type { Producer } from "./stream-state.ts";

export interface ProducerAttachment {
  readonly kind: "producer";
  readonly producer: Producer;
  /** When it dialled, milliseconds since the epoch: the first proof of life. */
  readonly since: number;
  /** How far the request body was sent, and how far it may be; null when it needs no more. */
  readonly body: { readonly sent: number; readonly upTo: number } | null;
}

/** A reader who came before the stream's head did. */
export interface WaitingAttachment {
  readonly kind: "waiting";
  readonly asked: ConsumeRequest;
}

export interface ConsumerAttachment {
  readonly kind: "consumer";
  /** A reader of what is stored is none the stream would be kept alive for. */
  readonly follow: ConsumeRequest["follow"];
  /** Seq after which it has what it asked for; null follows the log as it grows. */
  readonly until: number | null;
  /** Log offset up to which the Worker takes bytes. */
  readonly upTo: number;
  /** The seq it was sent last; null while it is level with the log's end and gets commits as they are made. */
  readonly behind: number | null;
}

/** `closed`: the object is done with it, whatever still arrives. */
export type Attachment = ProducerAttachment | WaitingAttachment | ConsumerAttachment | { readonly kind: "closed" };

export function attachmentOf(socket: WebSocket): Attachment {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only attach() and retire() below write it
  return (socket.deserializeAttachment() as Attachment | null) ?? { kind: "closed" };
}

export function attach(socket: WebSocket, attachment: Exclude<Attachment, { kind: "closed" }>): void {
  socket.serializeAttachment(attachment);
}

/**
 * Never throws: half of a commit's readers would have it and the others never get it. False for a socket that cannot be
 * sent to any more; its close is on its way.
 */
export function trySend(socket: WebSocket, data: string | Uint8Array<ArrayBuffer>): boolean {
  try {
    socket.send(data);
    return true;
  } catch {
    return false;
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
