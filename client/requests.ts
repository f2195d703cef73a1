/** Owns the requests made for one stream: which URL, by which method, with which headers, and what may be repeated. */

import { LongstreamError } from "../protocol/error-codes.ts";
import { eventStreamType, lastEventId, streamOutcome, streamUrl } from "../protocol/http.ts";
import type { StreamAction } from "../protocol/http.ts";
import { Drop, failure, orDrop, refused } from "./failures.ts";
import type { Kind } from "./body.ts";
import type { Place } from "./place.ts";
import type { StreamOptions } from "./types.ts";

export class Requests {
  readonly #options: StreamOptions;
  /** The URL the caller gave, made absolute. */
  readonly asked: string;
  readonly #method: string;
  /** What is asked for; set before the first request. */
  kind: Kind = "events";
  readonly #named = Promise.withResolvers<void>();
  #url: string | null = null;
  /** Null when it was answered and must not be sent again. */
  #opening: RequestInit | null;

  /** @throws LongstreamError `bad-request` for options that no request can be made of. */
  constructor(url: string | URL, options: StreamOptions) {
    const { method = "GET", body = null, from = null } = options;
    // There is none in Node.
    const base = globalThis.location?.href;
    this.#options = options;
    this.#method = method.toUpperCase();
    this.#opening = { method: this.#method, body };
    if (!URL.canParse(url, base)) throw failure("bad-request", "open the stream", `${String(url)} is no absolute URL`);
    this.asked = new URL(url, base).href;
    const misplaced = this.#method === "GET" ? body : from;
    if (misplaced !== null) throw failure("bad-request", "open the stream", "`body` needs another method than GET, and `from` needs GET");
  }

  /** URL of the stream, as an answer named it. */
  get url(): string | null {
    return this.#url;
  }

  /** Settles whoever waits for the URL: no answer will come any more. */
  giveUp(): void {
    this.#named.resolve();
  }

  /** The stream is known: nothing but `GET` is made from now on. */
  goTo(url: string): void {
    this.#url = url;
    this.#named.resolve();
  }

  /**
   * The body behind `place`, or null where nothing will come any more, as the stream's status tells: 204, and 416, 410 or
   * 5xx with an outcome.
   *
   * @throws Drop when asking again may help.
   * @throws LongstreamError when it would not, or must not be done.
   */
  async connect({ cursor, seq }: Place, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null> {
    const url = this.#url ?? this.asked;
    const init = this.#url === null ? this.#opening : {};
    if (init === null) throw this.#once("Cannot read on: no answer named the stream");
    // From the stream's own URL always by range: where it broke off before its first byte, only a 416 says so.
    const extra: Extra = this.kind === "events" ? { accept: eventStreamType, [lastEventId]: cursor } : { range: (this.#url ?? seq) === 0 ? null : `bytes=${seq}-` };
    const response = await this.#send(url, { ...init, signal }, extra);
    if (this.#method !== "GET") this.#opening = null;
    const { body, headers, ok, status } = response;
    const type = headers.get("content-type");
    const range = headers.get("content-range");
    if (body === null) return null;
    const kind = /^text\/event-stream *(;|$)/i.test(type ?? "") ? "events" : "bytes";
    const first = kind === "events" ? seq : Number(/^bytes (\d+)-/.exec(range ?? "bytes 0-")?.[1]);
    if (ok && kind === this.kind && first === seq) return body;
    await body.cancel();
    if (!ok) return null;
    throw failure("protocol-error", `read ${url} as ${this.kind} from ${seq}`, `it answers ${status} with ${type}${range === null ? "" : `, ${range}`}; iterate events, read anything else by bytes()`);
  }

  /** @throws Drop | LongstreamError as `connect` does. */
  async status(signal: AbortSignal): Promise<string> {
    return this.#ask("status", { signal });
  }

  /** @throws Drop | LongstreamError as `connect` does. */
  async cancel(reason: string | undefined): Promise<void> {
    await this.#named.promise;
    await this.#ask("cancel", { method: "POST", body: JSON.stringify({ reason }) }, { "content-type": "application/json" });
  }

  async #ask(action: StreamAction, init: RequestInit, extra: Extra = {}): Promise<string> {
    if (this.#url === null) throw failure("stream-not-found", `ask for its ${action}`, `no answer named the stream in ${streamUrl}`);
    const response = await this.#send(`${this.#url}/${action}`, init, extra);
    return orDrop(`read its ${action}`, () => response.text());
  }

  async #send(url: string, init: RequestInit, extra: Extra): Promise<Response> {
    init.signal?.throwIfAborted();
    // A plain variable: browsers refuse their fetch as a method of anything but the window.
    const { headers: source, fetch: send = fetch } = this.#options;
    const headers = new Headers(typeof source === "function" ? await orDrop("get the headers", source) : source);
    for (const [name, value] of Object.entries(extra)) if (value !== null) headers.set(name, value);
    try {
      const response = await orDrop(`reach ${url}`, () => send(url, { cache: "no-store", ...init, headers }));
      const named = response.headers.get(streamUrl);
      if (named !== null) this.goTo(new URL(named, url).href);
      // With an outcome it is no refusal: there is nothing behind what was read, or never was an answer.
      if (response.ok || response.headers.has(streamOutcome)) return response;
      throw await refused(response, url);
    } catch (error) {
      if (!(error instanceof Drop) || this.#method === "GET" || this.#url !== null) throw error;
      throw this.#once(error.message, error);
    }
  }

  #once(message: string, cause?: Drop): LongstreamError {
    return new LongstreamError("unavailable", `${message}; ${this.#method} is not sent again, since it may have had its effect`, { cause });
  }
}

/** Headers beside the caller's own. */
type Extra = Readonly<Record<string, string | null>>;
