/** Owns one open body: bytes in, one item at a time out, never more than a chunk ahead of the reader. */

import { createParser } from "eventsource-parser";
import type { EventSourceMessage } from "eventsource-parser";
import { isResetReason, parseCursor } from "../protocol/cursor.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { JsonReader } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import { readFailure, readOutcome } from "../protocol/producer-messages.ts";
import { controlEvents, heartbeat } from "../protocol/sse.ts";
import type { Outcome, Reset, StreamFailure } from "../protocol/sse.ts";
import { Drop, why } from "./failures.ts";

export type Item =
  | { readonly type: "event"; readonly id: string | undefined; readonly event: string; readonly data: string }
  | { readonly type: "reset"; readonly reset: Reset }
  | { readonly type: "end"; readonly id: string | undefined; readonly outcome: Outcome; readonly failure: StreamFailure | null }
  | { readonly type: "heartbeat" }
  /** The body ended cleanly, and says nothing about the stream. */
  | { readonly type: "closed" };

type Parsed = { readonly type: "message"; readonly message: EventSourceMessage } | { readonly type: "heartbeat" } | { readonly type: "overflow" };

export class Connection {
  readonly #body: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #decoder = new TextDecoder();
  readonly #parser;
  /** Of one chunk at most. */
  readonly #parsed: Parsed[] = [];

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>, onRetry: (ms: number) => void) {
    this.#body = body.getReader();
    this.#parser = createParser({
      maxBufferSize: limits.maxRowBytes,
      onEvent: (message) => this.#parsed.push({ type: "message", message }),
      onRetry,
      onComment: (comment) => {
        if (`:${comment}\n\n` === heartbeat) this.#parsed.push({ type: "heartbeat" });
      },
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#parsed.push({ type: "overflow" });
      },
    });
  }

  /**
   * @throws Drop when the body breaks off.
   * @throws LongstreamError `protocol-error` for a control event that cannot be read, `event-too-large`.
   */
  async next(): Promise<Item> {
    for (;;) {
      const parsed = this.#parsed.shift();
      if (parsed !== undefined) return toItem(parsed);
      const { done, value } = await this.#pull();
      if (done) return { type: "closed" };
      this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    }
  }

  close(): void {
    // A body that is broken already refuses to be cancelled.
    this.#body.cancel().catch(() => undefined);
  }

  async #pull(): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
    try {
      return await this.#body.read();
    } catch (error) {
      throw new Drop(`the connection broke off (${why(error)})`, { cause: error });
    }
  }
}

function toItem(parsed: Parsed): Item {
  switch (parsed.type) {
    case "heartbeat":
      return { type: "heartbeat" };
    case "overflow":
      throw new LongstreamError("event-too-large", `Cannot read an event of more than ${limits.maxRowBytes} characters: no log holds one; is the URL one of a Longstream gateway?`);
    case "message":
      return readMessage(parsed.message);
  }
}

function readMessage({ id, event = "message", data }: EventSourceMessage): Item {
  switch (event) {
    // event: longstream.reset
    // data: {"reason":"foreign","first":"abc-0"}
    case controlEvents.reset:
      return { type: "reset", reset: readReset(JsonReader.parse(data, event)) };
    // event: longstream.end
    // data: {"outcome":"failed","error":{"code":"handler-failed","message":"..."}}
    // id: abc-9
    case controlEvents.end: {
      const reader = JsonReader.parse(data, event);
      return { type: "end", id, outcome: readOutcome(reader, "outcome"), failure: reader.optional("error", readFailure) };
    }
    default:
      return { type: "event", id, event, data };
  }
}

function readReset(reader: JsonReader): Reset {
  const reason = reader.string("reason");
  if (!isResetReason(reason)) throw reader.bad("reason", "a reset reason");
  const first = reader.string("first");
  if (parseCursor(first) === undefined) throw reader.bad("first", "a cursor");
  return { reason, first };
}
