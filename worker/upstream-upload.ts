/** Owns the request body on its way to an upstream: read from storage as it is taken, and waited for as it comes. */

import { LongstreamError } from "../protocol/errors.ts";
import type { BodyRead } from "./upload.ts";

/** What the stream has of its client's body. */
export interface BodySource {
  readonly length: number | null;
  read(offset: number): BodyRead;
}

/** The fetch that carries it. */
export interface Carrier {
  /** The client is waited for, and the upstream not to blame for its silence. */
  pause(): void;
  /** It has all there is, or what it has is all: its time begins anew. */
  resume(): void;
  /** There will be no more of the body. */
  breakOff(error: unknown): void;
}

export class OutgoingBody {
  readonly #source: BodySource;
  readonly #carrier: Carrier;
  #offset = 0;
  #state: "wanted" | "given up" = "wanted";
  #wake: (() => void) | null = null;

  constructor(source: BodySource, carrier: Carrier) {
    this.#source = source;
    this.#carrier = carrier;
  }

  /** Null while it comes. */
  get length(): number | null {
    return this.#source.length;
  }

  /** More of it may be there. */
  feed(): void {
    this.#wake?.();
  }

  giveUp(): void {
    this.#state = "given up";
    this.#carrier.resume();
    this.#wake?.();
  }

  /** As it is taken; memory holds a row of it. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await this.#nextOrBreak();
          if (bytes === null) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => this.giveUp(),
      },
      { highWaterMark: 0 },
    );
  }

  /** @throws LongstreamError `invoke-failed` past `maxBytes`, or what a body that broke off failed with. */
  async whole(maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    for (let part = await this.#next(); part !== null; part = await this.#next()) {
      parts.push(part);
      if (this.#offset > maxBytes) throw new LongstreamError("invoke-failed", `Cannot send a request body of over ${maxBytes} bytes: it must be signed as a whole`);
    }
    const body = new Uint8Array(this.#offset);
    parts.reduce((at, part) => (body.set(part, at), at + part.length), 0);
    return body;
  }

  /** Workerd ends a chunked request properly when its body fails, and what was sent of it would pass for the whole (2026-11). */
  async #nextOrBreak(): Promise<Uint8Array | null> {
    try {
      return await this.#next();
    } catch (error) {
      // An upstream that takes no more of it may still answer.
      if (this.#state === "wanted") this.#carrier.breakOff(error);
      return new Promise<never>(() => undefined);
    }
  }

  /** Null at the end. */
  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#state === "given up") throw new LongstreamError("cancelled", "Cannot pass the request on: it was given up");
      const read = this.#source.read(this.#offset);
      switch (read.kind) {
        case "piece":
          this.#offset += read.bytes.length;
          this.#carrier.resume();
          return read.bytes;
        case "end":
          this.#carrier.resume();
          return null;
        case "failed":
          throw new LongstreamError(read.failure.code, read.failure.message);
        case "later":
          await this.#arrival();
      }
    }
  }

  async #arrival(): Promise<void> {
    this.#carrier.pause();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }
}
