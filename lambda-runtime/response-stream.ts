/** Owns the Writable that a handler for `awslambda.streamifyResponse` writes to, and the Response that comes of it. */

import { Writable } from "node:stream";
import { callbackify } from "node:util";
import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { PreludeReader, preludeContentType, withContentType } from "./prelude.ts";
import type { FunctionHead } from "./prelude.ts";

/** What AWS passes as the second argument of a streaming handler. */
export interface NodeResponseStream extends Writable {
  /** Before the first write. */
  setContentType(contentType: string): void;
}

type Done = (error?: Error | null) => void;

/** AWS's own, where nothing else was set. */
const defaultContentType = "application/octet-stream";
/** As much as the gateway takes, and what JSON adds to it. */
const maxPreludeBytes = 2 * limits.maxHeaderBytes;
/** They have no body (RFC 9110, section 6.4.1), and a Response of such a status takes none. */
const bodiless = new Set([204, 205, 304]);

export class AnswerStream extends Writable implements NodeResponseStream {
  /** Set by `awslambda.HttpResponseStream.from` in AWS's client, which has its prelude written by it. */
  _onBeforeFirstWrite: ((write: (chunk: string | Uint8Array) => void) => void) | null = null;
  #contentType = defaultContentType;
  #reading: "nothing" | PreludeReader | "body" = "nothing";
  readonly #head = Promise.withResolvers<FunctionHead>();
  /** Takes a chunk when the one before it was read: the log's backpressure reaches the handler through it. */
  readonly #body = new TransformStream<Uint8Array, Uint8Array>();
  readonly #writer = this.#body.writable.getWriter();

  constructor(highWaterMark: number | undefined) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    // Without a listener an error would end the process. The answer tells of it, so the handler need not listen.
    this.on("error", () => undefined);
    this.#head.promise.catch(() => undefined);
    this.#writer.closed.catch((reason: unknown) => this.destroy(toError(reason)));
  }

  /** @throws Error when the handler has written already, as AWS's stream does. */
  setContentType(contentType: string): void {
    if (this.#reading !== "nothing") throw new Error("Cannot set the content type: the handler has written already");
    this.#contentType = contentType;
  }

  /**
   * The answer, once its head is known: with the first write, or the end of an answer without one.
   *
   * @throws what the stream was destroyed with; LongstreamError `bad-handler-result` for a head that cannot be sent.
   */
  async response(): Promise<Response> {
    const { status, headers } = await this.#head.promise;
    const init = { status, headers: toHeaders(headers) };
    if (!bodiless.has(status)) return new Response(this.#body.readable, init);
    for await (const _ of this.#body.readable);
    return new Response(null, init);
  }

  /** What is neither text nor bytes is written as JSON, as AWS's stream does. */
  override write(chunk: unknown, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const data: unknown = isPlain(chunk) ? chunk : JSON.stringify(chunk);
    return typeof encoding === "function" ? super.write(data, encoding) : super.write(data, encoding ?? "utf8", done);
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    callbackify(async () => this.#take(chunk))(done);
  }

  override _final(done: Done): void {
    callbackify(async () => this.#finish())(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    // It is destroyed at its end too.
    if (!this.writableFinished) this.#fail(error ?? destroyed());
    done(error);
  }

  #fail(reason: Error): void {
    this.#head.reject(reason);
    this.#writer.abort(reason).catch(() => undefined);
  }

  async #take(chunk: Uint8Array): Promise<void> {
    const bytes = this.#behindHead(chunk);
    // A copy: the handler may write into its buffer again once this is done.
    if (bytes.length > 0) await this.#writer.write(Uint8Array.from(bytes));
  }

  async #finish(): Promise<void> {
    this.#behindHead(new Uint8Array(0));
    if (this.#reading !== "body") throw brokenPrelude();
    await this.#writer.close();
  }

  /** What of a chunk belongs to the body. */
  #behindHead(chunk: Uint8Array): Uint8Array {
    const bytes = this.#reading === "nothing" ? this.#begin(chunk) : chunk;
    if (!(this.#reading instanceof PreludeReader)) return bytes;
    const step = this.#reading.push(bytes);
    if (step.type === "broken") throw brokenPrelude();
    if (step.type === "more") return new Uint8Array(0);
    this.#reading = "body";
    this.#head.resolve(withContentType(step.head, defaultContentType));
    return step.rest;
  }

  /** The first chunk, behind what `HttpResponseStream.from` wants in front of it. */
  #begin(chunk: Uint8Array): Uint8Array {
    if (this.#contentType === preludeContentType) {
      this.#reading = new PreludeReader(maxPreludeBytes);
    } else {
      this.#reading = "body";
      this.#head.resolve({ status: 200, headers: [["Content-Type", this.#contentType]] });
    }
    const first: Uint8Array[] = [];
    // oxlint-disable-next-line no-underscore-dangle -- AWS's name
    this._onBeforeFirstWrite?.((part) => first.push(Buffer.from(part)));
    return first.length === 0 ? chunk : Buffer.concat([...first, chunk]);
  }
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describe(thrown));
}

function isPlain(chunk: unknown): boolean {
  return typeof chunk === "string" || chunk instanceof Uint8Array || chunk === null || chunk === undefined;
}

function toHeaders(pairs: FunctionHead["headers"]): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs) {
    try {
      headers.append(name, value);
    } catch (error) {
      throw new LongstreamError("bad-handler-result", `Cannot answer with the header ${JSON.stringify(name.slice(0, 80))}: ${describe(error, 200)}`);
    }
  }
  return headers;
}

function destroyed(): LongstreamError {
  return new LongstreamError("handler-failed", "Cannot finish the answer: the handler destroyed its response stream before it had ended it");
}

function brokenPrelude(): LongstreamError {
  return new LongstreamError(
    "bad-handler-result",
    `Cannot read the head of the handler's answer: of the type ${preludeContentType}, it does not begin with JSON with a statusCode of 200 to 599 and 8 NUL bytes`,
  );
}
