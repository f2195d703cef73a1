/** Owns the requests made for one stream: which URL, by which method, with which headers, and what may be repeated. */

import { LongstreamError } from "../protocol/errors.ts";
import { eventStreamType, headerNames, parseStreamPath } from "../protocol/http.ts";
import type { StreamAction } from "../protocol/http.ts";
import { JsonReader } from "../protocol/json.ts";
import { readFailure, readOutcome } from "../protocol/producer-messages.ts";
import type { Outcome, StreamFailure } from "../protocol/sse.ts";
import { Drop, badContentType, notSentAgain, refused, why } from "./failures.ts";
import type { Fetch, HeadersSource, StreamOptions } from "./types.ts";

/** What a reader's request was answered: a body, or (204) that it has everything there will ever be. */
export type Answer = { readonly type: "body"; readonly body: ReadableStream<Uint8Array<ArrayBuffer>> } | { readonly type: "complete" };

export interface Status {
  readonly outcome: Outcome | null;
  readonly failure: StreamFailure | null;
  /** Null where the gateway does not say. */
  readonly lastSeq: number | null;
}

export class Requests {
  readonly #url: string;
  readonly #method: string;
  readonly #body: StreamOptions["body"] | null;
  readonly #headers: HeadersSource;
  readonly #fetch: Fetch;
  readonly #named = Promise.withResolvers<string | null>();
  /** From a `Stream-Url` header. */
  #learned: string | null = null;

  /** @throws LongstreamError `bad-request` for options that no request can be made of. */
  constructor(url: string | URL, options: StreamOptions) {
    this.#url = absolute(url);
    this.#method = (options.method ?? "GET").toUpperCase();
    this.#body = options.body ?? null;
    this.#headers = options.headers ?? {};
    this.#fetch = options.fetch ?? ((target, init) => fetch(target, init));
    const from = options.from ?? null;
    if (this.#method === "GET" && this.#body !== null) throw unusable('a GET has no body; set "method"');
    if (this.#method !== "GET" && from !== null) throw unusable(`${this.#method} would start anew, not go on from a cursor; open the stream's own URL`);
  }

  /** URL of the stream: as an answer named it, or the one that was asked for, where that is a stream's own. */
  get streamUrl(): string | null {
    if (this.#learned !== null) return this.#learned;
    const { origin, pathname } = new URL(this.#url);
    return this.#method === "GET" && parseStreamPath(pathname)?.action === "read" ? origin + pathname : null;
  }

  /** Settles whoever waits for the URL: no answer will come any more. */
  giveUp(): void {
    this.#named.resolve(null);
  }

  /**
   * @throws Drop when asking again may help.
   * @throws LongstreamError when it would not, or must not be done.
   */
  async connect(cursor: string | null, signal: AbortSignal): Promise<Answer> {
    const url = this.#learned ?? this.#url;
    const first = this.#learned === null ? { method: this.#method, body: this.#body } : { method: "GET" };
    const headers = await this.#readHeaders(eventStreamType);
    if (cursor !== null) headers.set(headerNames.lastEventId, cursor);
    try {
      const response = await this.#send(url, { ...first, headers, signal });
      this.#learn(response, url);
      return await readAnswer(response, url);
    } catch (error) {
      const repeatable = this.#method === "GET" || this.#learned !== null;
      throw error instanceof Drop && !repeatable ? notSentAgain(this.#method, url, error) : error;
    }
  }

  /** @throws Drop | LongstreamError as `connect` does. */
  async status(signal: AbortSignal): Promise<Status> {
    const headers = await this.#readHeaders("application/json");
    const reader = JsonReader.parse(await this.#ask("status", { headers, signal }), "the stream's status");
    return {
      outcome: reader.optional("outcome", readOutcome),
      failure: reader.optional("error", readFailure),
      lastSeq: reader.optional("lastSeq", (inner, field) => inner.integer(field)),
    };
  }

  /** @throws Drop | LongstreamError as `connect` does. */
  async cancel(reason: string | undefined): Promise<void> {
    if (this.streamUrl === null) await this.#named.promise;
    const headers = await this.#readHeaders("application/json");
    headers.set("content-type", "application/json");
    await this.#ask("cancel", { method: "POST", headers, body: JSON.stringify({ reason }) });
  }

  async #ask(action: StreamAction, init: RequestInit): Promise<string> {
    if (this.streamUrl === null) {
      throw new LongstreamError("stream-not-found", `Cannot ask for the stream's ${action}: no answer named it by a Stream-Url header`);
    }
    const url = `${this.streamUrl}/${action}`;
    const response = await this.#send(url, init);
    if (!response.ok) throw await refused(response, url);
    try {
      return await response.text();
    } catch (error) {
      throw new Drop(`the answer of ${url} broke off (${why(error)})`, { cause: error });
    }
  }

  /** What the caller's function throws passes as it is: p-retry knows a network error from a mistake. */
  async #readHeaders(accept: string): Promise<Headers> {
    const source = this.#headers;
    const headers = new Headers(typeof source === "function" ? await source() : source);
    headers.set("accept", accept);
    return headers;
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    // Browsers refuse their fetch as a method of anything but the window.
    const send = this.#fetch;
    try {
      return await send(url, { cache: "no-store", ...init });
    } catch (error) {
      throw new Drop(`${url} cannot be reached (${why(error)})`, { cause: error });
    }
  }

  #learn(response: Response, asked: string): void {
    const header = response.headers.get(headerNames.streamUrl);
    if (header === null) return;
    this.#learned = new URL(header, response.url === "" ? asked : response.url).href;
    this.#named.resolve(this.#learned);
  }
}

async function readAnswer(response: Response, url: string): Promise<Answer> {
  if (response.status === 204) return { type: "complete" };
  if (response.status !== 200) throw await refused(response, url);
  const type = response.headers.get("content-type");
  const { body } = response;
  if (body !== null && type?.split(";", 1)[0]?.trim().toLowerCase() === eventStreamType) return { type: "body", body };
  await body?.cancel();
  throw badContentType(type, url);
}

function absolute(url: string | URL): string {
  const base = typeof location === "undefined" ? undefined : location.href;
  if (!URL.canParse(url, base)) throw unusable(`"${String(url)}" is no absolute URL`);
  return new URL(url, base).href;
}

function unusable(what: string): LongstreamError {
  return new LongstreamError("bad-request", `Cannot open the stream: ${what}`);
}
