/** Owns the HTTP response of a Function URL: streamed while the function posts it, or mapped once it has. */
import type { ServerResponse } from "node:http";
import { PreludeReader, preludeContentType, readHead, withContentType } from "../../lambda-runtime/prelude.ts";
import type { FunctionHead } from "../../lambda-runtime/prelude.ts";
import { parseJson } from "./invocation.ts";
import type { ResponseSink, Result } from "./invocation.ts";
import { limits } from "./limits.ts";

/**
 * Invoke mode RESPONSE_STREAM. Not found in AWS's documentation, and so as a client can do most with it: a function that
 * fails after its head cuts the connection, and what is not streamed is passed on as it is.
 */
export class StreamedResponse implements ResponseSink {
  readonly #reply: ServerResponse;
  #prelude: PreludeReader | undefined;
  #contentType = "application/octet-stream";
  #status: "waiting" | "open" | "over" = "waiting";

  constructor(reply: ServerResponse) {
    this.#reply = reply;
  }

  begin(contentType: string): void {
    if (contentType === preludeContentType) this.#prelude = new PreludeReader(limits.preludeBytes);
    else this.#contentType = contentType;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#status === "over") return;
    const body = this.#status === "waiting" ? this.#open(chunk) : chunk;
    if (body.length > 0 && !this.#reply.write(body)) await drained(this.#reply);
  }

  end(result: Result): void {
    if (this.#status === "over") return;
    if (result.outcome !== "success") return this.#fail();
    if (this.#status === "waiting") {
      // Nothing came, or a prelude that stops halfway (aws-lambda-nodejs-runtime-interface-client, issue 97).
      const contentType = result.body.length > 0 ? result.contentType : this.#contentType;
      sendHead(this.#reply, { status: 200, headers: [["Content-Type", contentType]] });
    }
    this.#status = "over";
    this.#reply.end(result.body);
  }

  /** Sends the head once it is there; answers what is of the body. */
  #open(chunk: Buffer): Buffer {
    const step = this.#prelude?.push(chunk) ?? { type: "head", head: { status: 200, headers: [] }, rest: chunk };
    if (step.type === "more") return Buffer.alloc(0);
    if (step.type === "broken" || !sendHead(this.#reply, withContentType(step.head, this.#contentType))) {
      this.#fail();
      return Buffer.alloc(0);
    }
    this.#status = "open";
    this.#reply.flushHeaders();
    return step.rest;
  }

  #fail(): void {
    const before = this.#status;
    this.#status = "over";
    if (before === "waiting") sendFailure(this.#reply);
    else this.#reply.destroy();
  }
}

/** Invoke mode BUFFERED. JSON without a status is the body itself. */
export function sendBuffered(reply: ServerResponse, result: Result): void {
  const json = result.outcome === "success" ? parseJson(result.body.toString()) : undefined;
  if (json?.type !== "json") return sendFailure(reply);
  const shaped = readShaped(json.value);
  if (shaped === undefined) {
    reply.writeHead(200, { "Content-Type": "application/json", "Content-Length": result.body.length }).end(result.body);
    return;
  }
  const head = readHead(json.value);
  if (head === undefined || !sendHead(reply, withContentType(head, "application/json"))) return sendFailure(reply);
  reply.end(shaped.body);
}

/** The body of an answer that says its status; undefined for any other. */
function readShaped(value: unknown): { readonly body: Buffer } | undefined {
  if (typeof value !== "object" || value === null || !("statusCode" in value)) return undefined;
  const { body = "", isBase64Encoded }: { statusCode: unknown; body?: unknown; isBase64Encoded?: unknown } = value;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { body: Buffer.from(text, isBase64Encoded === true ? "base64" : "utf8") };
}

/** What a caller sees of a function that failed; why is in its log. */
function sendFailure(reply: ServerResponse): void {
  const body = "Internal Server Error";
  reply.writeHead(502, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }).end(body);
}

/** False where the function's headers cannot be sent; nothing was then. */
function sendHead(reply: ServerResponse, { status, headers }: FunctionHead): boolean {
  try {
    for (const [name, value] of headers) reply.appendHeader(name, value);
    reply.writeHead(status);
    return true;
  } catch {
    for (const [name] of headers) reply.removeHeader(name);
    return false;
  }
}

/** Also when the client has left: the function is not told. */
function drained(reply: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      reply.off("drain", done).off("close", done);
      resolve();
    };
    if (reply.destroyed) return done();
    reply.once("drain", done).once("close", done);
  });
}
