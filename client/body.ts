/** Owns one open body: bytes in, one item at a time out, never more than a chunk ahead of the reader. */

import { createParser } from "eventsource-parser";
import type { EventSourceMessage } from "eventsource-parser";
import type { LongstreamError } from "../protocol/error-codes.ts";
import { maxRowBytes } from "../protocol/limits.ts";
import { heartbeat } from "../protocol/sse.ts";
import { Drop, failure, orDrop } from "./failures.ts";
import type { Pace } from "./reconnect.ts";

export type Kind = "events" | "bytes";

export type Bytes = Uint8Array<ArrayBuffer>;

/** An error stands where it was found. */
export type Item = EventSourceMessage | Bytes | typeof heartbeat | LongstreamError | Drop;

/** The least a gateway can be told to keep as its heartbeat. What comes sooner may have lain there while the page was busy. */
const leastWaitMs = 100;

/**
 * Returns where the body ends cleanly, which says nothing about the stream.
 *
 * @throws Drop when the body breaks off.
 */
export async function* itemsOf(body: ReadableStream<Bytes>, kind: Kind, pace: Pace, signal: AbortSignal): AsyncGenerator<Item, void> {
  const items: Item[] = [];
  const reader = body.getReader();
  // A body that is broken already refuses to be cancelled.
  const leave = (): unknown => reader.cancel().catch(() => undefined);
  const feed: Feed = kind === "bytes" ? (chunk) => items.push(chunk) : parserInto(items, pace);
  // How long a body of bytes may be silent, nobody knows.
  const watch = (): unknown => {
    items.push(new Drop(`Cannot read on: nothing came for ${pace.silenceMs} ms`));
    pace.grow();
    return leave();
  };
  signal.addEventListener("abort", leave);
  try {
    for (;;) {
      const askedAtMs = performance.now();
      const timer = kind === "events" ? setTimeout(watch, pace.silenceMs) : undefined;
      const { value } = await orDrop("read on", () => reader.read()).finally(() => clearTimeout(timer));
      if (value !== undefined) feed(value, askedAtMs);
      yield* items.splice(0);
      if (value === undefined) return;
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

type Feed = (chunk: Bytes, askedAtMs: number) => unknown;

function parserInto(items: Item[], pace: Pace): Feed {
  const decoder = new TextDecoder();
  /** When the latest chunk came; 0 where it was there when it was asked for, and came nobody knows when. */
  let cameAtMs = 0;
  /** Between it and the one before; none above 0 where that is not known. */
  let silentMs = 0;
  let heartbeatMs = 0;
  const parser = createParser({
    maxBufferSize: maxRowBytes,
    onEvent: (message) => items.push(message),
    onRetry: (ms) => pace.told(ms),
    onComment: (comment) => {
      if (`:${comment}\n\n` !== heartbeat) return;
      items.push(heartbeat);
      if (silentMs <= heartbeatMs) return;
      heartbeatMs = silentMs;
      pace.silenceMs = 3 * heartbeatMs;
    },
    onError: ({ type, message }) => {
      if (type === "max-buffer-size-exceeded") items.push(failure("event-too-large", "read an event", message));
    },
  });
  return (chunk, askedAtMs) => {
    const nowMs = performance.now();
    const beforeMs = cameAtMs;
    cameAtMs = nowMs - askedAtMs < leastWaitMs ? 0 : nowMs;
    silentMs = beforeMs && cameAtMs - beforeMs;
    parser.feed(decoder.decode(chunk, { stream: true }));
  };
}
