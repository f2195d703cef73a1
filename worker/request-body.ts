/** Owns a client's request body in the Worker: what comes at once goes with the stream's creation, the rest in pieces. */

import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import type { Env } from "./env.ts";
import { callAgain, longPatience, stubOf } from "./object-call.ts";

/** How long what has come waits for more, so that a slow client does not cost a call a byte. */
const gatherMs = 50;

export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether more of the body follows. */
  readonly part: "more" | "last";
}

type Read = { readonly step: ReadableStreamReadResult<Uint8Array> } | { readonly error: unknown };

export class RequestBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #maxBytes: number;
  readonly #limit: string;
  #byteLength = 0;
  #reading: "idle" | "reading" = "idle";
  #read: Read | null = null;
  /** One slot: a race a wait against one long read would pile up its reactions. */
  #wake: (() => void) | null = null;

  /** @throws LongstreamError `request-too-large` when the client declares more than `maxBytes`, which `limit` names. */
  constructor(request: Request, maxBytes: number, limit: string) {
    const declared = Number(request.headers.get("content-length") ?? 0);
    if (declared > maxBytes) throw tooLarge(declared, limit, maxBytes);
    this.#reader = request.body?.getReader() ?? null;
    this.#maxBytes = maxBytes;
    this.#limit = limit;
  }

  /**
   * The next piece: what comes within `gatherMs` of its first byte. Without one in `patienceMs` it is empty.
   *
   * @throws LongstreamError `request-too-large`; what the client's connection throws.
   */
  async next(patienceMs: number = gatherMs): Promise<Piece> {
    const chunks: Uint8Array[] = [];
    let byteLength = 0;
    let waitUntil = Date.now() + patienceMs;
    while (byteLength < limits.uploadPieceBytes) {
      const step = await this.#step(waitUntil - Date.now());
      if (step === null) break;
      if (step.done) return { bytes: join(chunks, byteLength), part: "last" };
      if (chunks.length === 0) waitUntil = Date.now() + gatherMs;
      chunks.push(step.value);
      byteLength += step.value.length;
      this.#byteLength += step.value.length;
      if (this.#byteLength > this.#maxBytes) throw tooLarge(this.#byteLength, this.#limit, this.#maxBytes);
    }
    return { bytes: join(chunks, byteLength), part: "more" };
  }

  /**
   * Sends what follows `offset` to the stream's object, a piece at a time: the client is read no faster than the object
   * stores. An object that restarts meanwhile is sent the piece again. Null for a body that is stored, or of which no more is
   * wanted; never rejects.
   */
  async sendRest(env: Env, id: string, offset: number, signOfLifeMs: number): Promise<StreamFailure | null> {
    try {
      for (let at = offset, wanted = true; wanted; ) {
        const { bytes, part } = await this.next(signOfLifeMs);
        wanted = await callAgain(async () => stubOf(env, id).upload(at, bytes, part), longPatience);
        at += bytes.length;
      }
      await this.#reader?.cancel();
      return null;
    } catch (error) {
      const failure = failureOf(error);
      // An object that cannot be told notices by itself that nothing comes any more.
      await callAgain(async () => stubOf(env, id).breakUpload(failure)).catch(() => undefined);
      await this.#reader?.cancel().catch(() => undefined);
      return failure;
    }
  }

  /** Null when nothing came in time; the read goes on. */
  async #step(waitMs: number): Promise<ReadableStreamReadResult<Uint8Array> | null> {
    if (this.#reader === null) return { done: true, value: undefined };
    if (this.#reading === "idle") this.#begin(this.#reader);
    if (this.#read === null && waitMs > 0) await this.#arrival(waitMs);
    const read = this.#read;
    if (read === null) return null;
    this.#read = null;
    this.#reading = "idle";
    if ("error" in read) throw read.error;
    return read.step;
  }

  #begin(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    this.#reading = "reading";
    const arrived = (read: Read): void => {
      this.#read = read;
      this.#wake?.();
    };
    reader.read().then(
      (step) => arrived({ step }),
      (error: unknown) => arrived({ error }),
    );
  }

  async #arrival(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}

function failureOf(error: unknown): StreamFailure {
  if (error instanceof LongstreamError) {
    return { code: error.code === "request-too-large" ? error.code : "upload-broken", message: error.message };
  }
  return { code: "upload-broken", message: `Cannot read the request body to its end: the client has left (${describe(error, 200)})` };
}

function join(chunks: readonly Uint8Array[], byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  chunks.reduce((at, chunk) => (bytes.set(chunk, at), at + chunk.length), 0);
  return bytes;
}

function tooLarge(byteLength: number, limit: string, maxBytes: number): LongstreamError {
  return new LongstreamError("request-too-large", `Cannot take a request body of ${byteLength} bytes or more: ${limit} is ${maxBytes}`);
}
