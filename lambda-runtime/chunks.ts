/** Owns the chunks a body is made of: pulled one at a time, cut to what a frame takes. */

import type { Readable } from "node:stream";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { nameOf } from "./events.ts";

/** What goes into the log as one piece: the lines of an event, or a run of bytes. */
export interface Chunk {
  readonly payload: Uint8Array;
  /** The event's own id, or null to keep the one before. */
  readonly sourceId: string | null;
}

/** One piece at a time, and a way to end the handler so that its `finally` blocks run. */
export interface Source<T> {
  next(): Promise<IteratorResult<T, unknown>>;
  return(): Promise<void>;
}

export type ChunkSource = Source<Chunk>;

/** What is used of a web ReadableStream, whichever library it is of. */
export interface WebStream {
  readonly locked: boolean;
  getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: unknown }>; cancel(): Promise<void> };
}

const encoder = new TextEncoder();

/** A stream's chunks. Ending it cancels the stream, a read that is waiting included. */
export function streamSource(stream: WebStream): Source<unknown> {
  const reader = stream.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    },
    return: async () => reader.cancel(),
  };
}

/** A Node stream's chunks. Not by way of `Readable.toWeb`, which throws when one is cancelled as data comes (Node 24). */
export function readableSource(readable: Readable): Source<unknown> {
  const iterator: AsyncIterator<unknown> = readable[Symbol.asyncIterator]();
  return {
    next: async () => iterator.next(),
    return: async () => {
      readable.destroy();
    },
  };
}

export const emptySource: Source<never> = {
  next: async () => ({ done: true, value: undefined }),
  return: async () => undefined,
};

/** @throws LongstreamError `bad-handler-result` for a chunk that is neither bytes nor text. */
export function byteChunks(source: Source<unknown>): ChunkSource {
  let rest = new Uint8Array(0);
  return {
    next: async () => {
      while (rest.length === 0) {
        const step = await source.next();
        if (step.done === true) return { done: true, value: undefined };
        rest = toBytes(step.value);
      }
      const payload = rest.subarray(0, limits.frameBytes);
      rest = rest.subarray(payload.length);
      return { done: false, value: { payload, sourceId: null } };
    },
    return: async () => source.return(),
  };
}

export function isBytes(chunk: unknown): chunk is ArrayBuffer | ArrayBufferView {
  return chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk);
}

/** A copy: the handler may write into its buffer again. */
function toBytes(chunk: unknown): Uint8Array<ArrayBuffer> {
  if (typeof chunk === "string") return encoder.encode(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk.slice(0));
  if (ArrayBuffer.isView(chunk)) return Uint8Array.from(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  throw new LongstreamError("bad-handler-result", `Cannot stream a chunk of the body (${nameOf(chunk)}): a body is bytes or text`);
}
