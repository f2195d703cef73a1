/** Owns the Worker's end of one consumer socket: messages in order, and the credit that bounds how many may wait. */

import { decodeEventsFrame, parseToConsumer } from "../protocol/consumer-frames.ts";
import type { Credit, EventsFrame, ToConsumer } from "../protocol/consumer-frames.ts";
import { closeCodes } from "../protocol/errors.ts";

export type Received = ToConsumer | ({ readonly type: "events" } & EventsFrame) | { readonly type: "lost"; readonly code: number };

/** The queue is bounded by the credit granted: the object sends nothing beyond it but the row that crosses it. */
export class ConsumerLink {
  readonly #socket: WebSocket;
  readonly #queue: Received[] = [];
  #wake: (() => void) | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    // Blob is the default since 2026-03-17, and set after accept() it is too late for the first message.
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#push(parse(data)));
    socket.addEventListener("close", ({ code }) => this.#push({ type: "lost", code }));
    socket.addEventListener("error", () => this.#push({ type: "lost", code: closeCodes.lost }));
    socket.accept();
  }

  /** The next message; the last one is always `lost`. */
  async next(): Promise<Received> {
    for (;;) {
      const received = this.#queue.shift();
      if (received !== undefined) return received;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  grant(upTo: number): void {
    try {
      this.#socket.send(JSON.stringify({ type: "credit", upTo } satisfies Credit));
    } catch {
      // The socket is closed: `lost` is on its way through the queue.
    }
  }

  /** Ends the wait of `next()` too. */
  close(): void {
    try {
      this.#socket.close(closeCodes.done);
    } catch {
      // It was closed already.
    }
    this.#push({ type: "lost", code: closeCodes.done });
  }

  #push(received: Received): void {
    this.#queue.push(received);
    this.#wake?.();
    this.#wake = null;
  }
}

/** What cannot be read counts as a lost socket: the relay opens another from where the body stands. */
function parse(data: unknown): Received {
  try {
    if (typeof data === "string") return parseToConsumer(data);
    if (data instanceof ArrayBuffer) return { type: "events", ...decodeEventsFrame(new Uint8Array(data)) };
  } catch (error) {
    console.error("Cannot read what the object sent to a reader", error);
  }
  return { type: "lost", code: closeCodes.protocolError };
}
