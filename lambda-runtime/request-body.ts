/** Owns the client's request body on this side: taken in order as it comes, given to the handler as it reads. */

import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { BodyPiece } from "../protocol/body-piece.ts";
import type { StreamFailure } from "../protocol/sse.ts";

/** Asks the object for the body from an offset, up to another. */
export type AskBody = (from: number, upTo: number) => void;

/**
 * What has come and was not read is bounded by the window: the object sends no more than it was asked for. Offsets make
 * a piece that comes twice, after a redial, harmless.
 */
export class RequestBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #ask: AskBody;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Bytes that have come. */
  #received = 0;
  /** Bytes that were asked for. */
  #asked: number = limits.bodyWindowBytes;
  #state: "open" | "over" = "open";

  constructor(ask: AskBody) {
    this.#ask = ask;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#more(),
        cancel: () => {
          this.#state = "over";
        },
      },
      { highWaterMark: limits.bodyWindowBytes / 2, size: (chunk) => chunk?.length ?? 0 },
    );
  }

  /** Bytes that have come, each once. */
  get received(): number {
    return this.#received;
  }

  /** On a new connection: what comes now begins at 0 again unless it is asked for from here. */
  reconnected(): void {
    if (this.#state === "open" && this.#received > 0) this.#ask(this.#received, Math.max(this.#asked, this.#received + limits.bodyWindowBytes));
  }

  take({ offset, bytes }: BodyPiece): void {
    const skip = this.#received - offset;
    if (this.#state === "over" || skip < 0 || skip >= bytes.length) return;
    this.#received += bytes.length - skip;
    this.#controller?.enqueue(bytes.subarray(skip));
  }

  /** `byteLength`: of the whole body. */
  end(byteLength: number): void {
    if (this.#state === "over" || this.#received < byteLength) return;
    this.#state = "over";
    this.#controller?.close();
  }

  /** The upload broke off: the handler gets an error, never a short body. */
  fail({ code, message }: StreamFailure): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#controller?.error(new LongstreamError(code, message));
  }

  #more(): void {
    if (this.#state === "over" || this.#asked - this.#received >= limits.bodyWindowBytes / 2) return;
    this.#asked = this.#received + limits.bodyWindowBytes;
    this.#ask(this.#received, this.#asked);
  }
}
