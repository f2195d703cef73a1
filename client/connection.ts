/** Owns one open body: bytes in, one item at a time out, never more than a chunk ahead of the reader. */

import { createParser } from "eventsource-parser";
import type { EventSourceMessage } from "eventsource-parser";
import type { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { heartbeat } from "../protocol/sse.ts";
import { failure, orDrop } from "./failures.ts";

/** `closed`: the body ended cleanly, which says nothing about the stream. */
export type Item = EventSourceMessage | "heartbeat" | "closed";

export class Connection {
  readonly #body: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #decoder = new TextDecoder();
  readonly #parser;
  /** Of one chunk at most; an error stands where it was found. */
  readonly #items: (Item | LongstreamError)[] = [];

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>, onRetry: (ms: number) => void) {
    this.#body = body.getReader();
    this.#parser = createParser({
      maxBufferSize: limits.maxRowBytes,
      onEvent: (message) => this.#items.push(message),
      onRetry,
      onComment: (comment) => {
        if (`:${comment}\n\n` === heartbeat) this.#items.push("heartbeat");
      },
      onError: ({ type, message }) => {
        if (type === "max-buffer-size-exceeded") this.#items.push(failure("event-too-large", "read an event", message));
      },
    });
  }

  /**
   * @throws Drop when the body breaks off.
   * @throws LongstreamError `event-too-large`.
   */
  async next(): Promise<Item> {
    for (;;) {
      const item = this.#items.shift();
      if (item instanceof Error) throw item;
      if (item !== undefined) return item;
      const { value } = await orDrop("read on", () => this.#body.read());
      if (value === undefined) return "closed";
      this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    }
  }

  close(): void {
    // A body that is broken already refuses to be cancelled.
    this.#body.cancel().catch(() => undefined);
  }
}
