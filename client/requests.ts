/** Owns the requests made for one stream: which URL, by which method, with which headers, and what may be repeated. */

import { LongstreamError } from "../protocol/errors.ts";
import { eventStreamType, headerNames } from "../protocol/http.ts";
import type { StreamAction } from "../protocol/http.ts";
import { Drop, failure, orDrop, refused } from "./failures.ts";
import type { StreamOptions } from "./types.ts";

export class Requests {
  readonly #options: StreamOptions;
  readonly #asked: string;
  readonly #method: string;
  readonly #named = Promise.withResolvers<void>();
  #url: string | null = null;
  /** Null when it was answered and must not be sent again. */
  #opening: RequestInit | null;

  /** @throws LongstreamError `bad-request` for options that no request can be made of. */
  constructor(url: string | URL, options: StreamOptions) {
    const { method = "GET", body = null, from = null } = options;
    const base = typeof location === "undefined" ? undefined : location.href;
    this.#options = options;
    this.#method = method.toUpperCase();
    this.#opening = { method: this.#method, body };
    if (!URL.canParse(url, base)) throw failure("bad-request", "open the stream", `${String(url)} is no absolute URL`);
    this.#asked = new URL(url, base).href;
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

  /**
   * The body of events, or null (204) where the reader has everything there will ever be.
   *
   * @throws Drop when asking again may help.
   * @throws LongstreamError when it would not, or must not be done.
   */
  async connect(cursor: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | null> {
    const url = this.#url ?? this.#asked;
    const init = this.#url === null ? this.#opening : {};
    if (init === null) throw failure("unavailable", "read on", `no answer named the stream in ${headerNames.streamUrl}, and ${this.#method} is not sent again`);
    const response = await this.#send(url, { ...init, signal }, { accept: eventStreamType, [headerNames.lastEventId]: cursor });
    if (this.#method !== "GET") this.#opening = null;
    if (response.status === 204) return null;
    const type = response.headers.get("content-type");
    if (type?.split(";")[0]?.trim().toLowerCase() === eventStreamType && response.body !== null) return response.body;
    await response.body?.cancel();
    throw failure("protocol-error", `read ${url}`, `it answers ${response.status} with ${type}, not with ${eventStreamType}`);
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
    if (this.#url === null) throw failure("stream-not-found", `ask for its ${action}`, `no answer named the stream in ${headerNames.streamUrl}`);
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
      this.#learn(response, url);
      if (!response.ok) throw await refused(response, url);
      return response;
    } catch (error) {
      if (!(error instanceof Drop) || this.#method === "GET" || this.#url !== null) throw error;
      throw new LongstreamError("unavailable", `${error.message}; ${this.#method} is not sent again, since it may have had its effect`, { cause: error });
    }
  }

  #learn(response: Response, asked: string): void {
    const named = response.headers.get(headerNames.streamUrl);
    if (named === null) return;
    this.#url = new URL(named, asked).href;
    this.#named.resolve();
  }
}

/** Headers beside the caller's own. */
type Extra = Readonly<Record<string, string | null>>;
