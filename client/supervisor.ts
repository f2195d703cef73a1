/** Owns an EventSource that does not stay down: where the browser gives up for good, another one goes on behind the cursor. */

import { parseCursor } from "../protocol/cursor.ts";
import { LongstreamError } from "../protocol/error-codes.ts";
import { parseStreamPath, streamPath } from "../protocol/http.ts";
import { controlEvents } from "../protocol/sse.ts";
import { Drop, failure } from "./failures.ts";
import { placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import { Pace } from "./reconnect.ts";
import { Requests } from "./requests.ts";
import type { Fetch, RetryOptions } from "./types.ts";
import { readEnding, readReset } from "./wire.ts";

export interface SupervisorOptions {
  /** Whether cookies are sent to another origin, by the EventSource and by what is asked beside it. */
  readonly withCredentials?: boolean;
  /** Between one EventSource and the next; `tries` counts those in a row that never opened. */
  readonly retry?: RetryOptions;
  /** Instead of the global one: asks for the stream's status when the browser has given up. */
  readonly fetch?: Fetch;
  /** Instead of the global one. */
  readonly EventSource?: typeof EventSource;
}

/**
 * Dispatches what an EventSource would, each event once: `message`, events by their name, `open`, and `error` at each
 * interruption. After the last of them, `longstream.end` (whose data is the outcome) or an `error` with `error` set, it
 * is closed. Listen by `addEventListener`.
 */
export interface SupervisedEventSource extends EventTarget {
  /** As an EventSource has it: 0 connecting, 1 open, 2 closed for good. */
  readonly readyState: number;
  /** Id of the event dispatched last, before the first one the URL's `from`. */
  readonly cursor: string | null;
  /** Why it was given up; null otherwise. */
  readonly error: unknown;
  close(): void;
}

/**
 * @throws LongstreamError `bad-request` where there is no EventSource, or the URL is none.
 */
export function superviseEventSource(url: string | URL, options: SupervisorOptions = {}): SupervisedEventSource {
  return new Supervised(url, options);
}

const open = 1;
const closed = 2;

class Supervised extends EventTarget implements SupervisedEventSource {
  readonly #url: URL;
  readonly #make: (url: string) => EventSource;
  readonly #requests: Requests;
  readonly #pace: Pace;
  readonly #closing = new AbortController();
  /** What somebody listens to: a browser passes on no event whose name nobody asked for. */
  readonly #names = new Set<string>(["message", controlEvents.reset, controlEvents.end]);
  readonly #take = (event: MessageEvent<string>): void => this.#pass(event);
  #source: EventSource;
  #place: Place;
  #failures = 0;
  #error: unknown = null;

  constructor(url: string | URL, { withCredentials = false, retry = {}, fetch: send = fetch, EventSource: Source = globalThis.EventSource }: SupervisorOptions) {
    super();
    if (typeof Source !== "function") throw failure("bad-request", "supervise an EventSource", "there is none here; use openStream()");
    const credentials = withCredentials ? "include" : "same-origin";
    this.#requests = new Requests(url, { fetch: async (target, init) => send(target, { ...init, credentials }) });
    this.#url = new URL(this.#requests.asked);
    this.#place = placeOf(this.#url.searchParams.get("from"));
    this.#pace = new Pace(retry, Math.random);
    this.#make = (target) => new Source(target, { withCredentials });
    this.#source = this.#connect(this.#url.href);
  }

  get readyState(): number {
    if (this.#closing.signal.aborted) return closed;
    return this.#source.readyState === open ? open : 0;
  }

  get cursor(): string | null {
    return this.#place.cursor;
  }

  get error(): unknown {
    return this.#error;
  }

  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener, options);
    if (type === "open" || type === "error" || this.#names.has(type)) return;
    this.#names.add(type);
    this.#source.addEventListener(type, this.#take);
  }

  close(): void {
    this.#closing.abort();
    this.#source.close();
  }

  #connect(url: string): EventSource {
    const source = this.#make(url);
    for (const name of this.#names) source.addEventListener(name, this.#take);
    source.addEventListener("open", (event) => {
      if (isNamedSo(event)) return this.#pass(event);
      this.#failures = -1;
      this.dispatchEvent(new Event("open"));
    });
    source.addEventListener("error", (event) => {
      if (isNamedSo(event)) return this.#pass(event);
      // Any other state: the browser comes back by itself.
      if (source.readyState === closed) this.#revive().catch((error: unknown) => this.#fail(error));
      this.dispatchEvent(new Event("error"));
    });
    return source;
  }

  #pass({ type, data, lastEventId, origin }: MessageEvent<string>): void {
    if (this.#closing.signal.aborted) return;
    if (type === controlEvents.reset) this.#place = placeOf(readReset(data).first);
    else if (type === controlEvents.end) this.close();
    else if (this.#wasSeen(lastEventId)) return;
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId, origin }));
  }

  /** Events that nobody listens to are not seen here, so what is further ahead is no gap. */
  #wasSeen(id: string): boolean {
    const cursor = parseCursor(id);
    if (cursor === undefined) return false;
    if (cursor.log === this.#place.log && cursor.seq <= this.#place.seq) return true;
    this.#place = placeOf(id);
    return false;
  }

  /** Why a browser gave up it does not say: the status tells whether there is anything left to come back for. */
  async #revive(): Promise<void> {
    const { signal } = this.#closing;
    let trouble = new Drop(`Cannot read ${this.#url.href}: the EventSource has given up`);
    for (;;) {
      this.#failures = await this.#pace.again(trouble, this.#failures, signal);
      try {
        const ending = await this.#ending(signal);
        if (ending !== null) return this.#pass(new MessageEvent(controlEvents.end, { data: ending, lastEventId: this.cursor ?? "" }));
        this.#source = this.#connect(this.#next());
        return;
      } catch (error) {
        if (!(error instanceof Drop)) throw error;
        trouble = error;
      }
    }
  }

  /** What `longstream.end` would have said, where everything was dispatched; null otherwise. */
  async #ending(signal: AbortSignal): Promise<string | null> {
    const id = this.#id();
    if (id === undefined) return null;
    this.#requests.goTo(new URL(streamPath(id), this.#url).href);
    const { outcome, error, lastSeq } = readEnding(await this.#requests.status(signal));
    if (outcome === null || lastSeq !== this.#place.seq) return null;
    return JSON.stringify(error === null ? { outcome } : { outcome, error: { code: error.code, message: error.message } });
  }

  /** A new EventSource cannot set headers; the stream's own URL takes the cursor as a query. */
  #next(): string {
    const { cursor } = this.#place;
    const id = this.#id();
    if (id === undefined || cursor === null) return this.#url.href;
    const next = new URL(streamPath(id), this.#url);
    next.searchParams.set("from", cursor);
    return next.href;
  }

  /** A log of the gateway's is named like its stream. */
  #id(): string | undefined {
    return this.#place.log ?? parseStreamPath(this.#url.pathname)?.id;
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#error = error instanceof LongstreamError ? error : failure("unavailable", "read on", String(error), error);
    this.close();
    this.dispatchEvent(new Event("error"));
  }
}

/** `open` and `error` are what an EventSource tells of itself, and names that a handler may give its events. */
function isNamedSo(event: Event): event is MessageEvent<string> {
  return event instanceof MessageEvent;
}
