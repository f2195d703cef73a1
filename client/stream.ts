/** Owns the stream as its caller sees it: the iteration, its state, and the ways to stop. */

import { LongstreamError } from "../protocol/error-codes.ts";
import type { Outcome } from "../protocol/sse.ts";
import { failure } from "./failures.ts";
import { readLog } from "./reader.ts";
import type { News } from "./reader.ts";
import { Pace } from "./reconnect.ts";
import { Requests } from "./requests.ts";
import type { LongstreamStream, SavingStorage, StreamEvent, StreamOptions, StreamState } from "./types.ts";
import { fieldsOf } from "./wire.ts";

/**
 * Opens a stream: a route of a gateway, which starts one, or a stream's own URL. The request is made once the statement
 * that calls this is done; events are read as they are iterated.
 *
 * @throws LongstreamError `bad-request` for options that no request can be made of.
 */
export function openStream(url: string | URL, options: StreamOptions = {}): LongstreamStream {
  return new OpenStream(url, options);
}

type Condition =
  | { readonly state: Exclude<StreamState, "ended" | "failed">; readonly outcome?: never; readonly error?: never }
  /** `error`: what every loop throws, also one that begins later. */
  | { readonly state: "failed"; readonly outcome?: never; readonly error: unknown }
  /** Neither where the caller closed it. */
  | { readonly state: "ended"; readonly outcome?: Outcome | null; readonly error?: LongstreamError | null };

const closed: Condition = { state: "ended" };

class OpenStream implements LongstreamStream {
  readonly #onState: StreamOptions["onState"];
  readonly #requests: Requests;
  readonly #pace: Pace;
  readonly #closing = new AbortController();
  /** Of all that reads; `close()` or the caller's own. */
  readonly #signal: AbortSignal;
  readonly #events = this.#iterate(({ event }) => event);
  /** Asked for once the statement that opens the stream is done: it may say what is read, and from where. For the first loop that comes. */
  readonly #ahead: Promise<News>[];
  #log: AsyncGenerator<News, never> | null = null;
  #condition: Condition = { state: "connecting" };
  #cursor: string | null;
  /** Keeps, or forgets, where the caller is. */
  #save: (what: "place" | "nothing") => void = () => undefined;

  constructor(url: string | URL, options: StreamOptions) {
    const { from = null, signal, onState, retry = {} } = options;
    this.#onState = onState;
    this.#cursor = from;
    this.#requests = new Requests(url, options);
    this.#pace = new Pace(retry, Math.random);
    this.#signal = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const first = Promise.resolve().then(() => this.#read());
    // Thrown by the iteration; whoever never iterates has `onState`.
    first.catch(() => undefined);
    this.#ahead = [first];
  }

  get cursor(): string | null {
    return this.#cursor;
  }

  get state(): StreamState {
    return this.#condition.state;
  }

  get outcome(): Outcome | null {
    return this.#condition.outcome ?? null;
  }

  get url(): string | null {
    return this.#requests.url;
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, void> {
    return this.#events;
  }

  bytes(): AsyncIterable<Uint8Array<ArrayBuffer>> {
    this.#notYet("bytes");
    this.#requests.kind = "bytes";
    return this.#iterate(({ bytes }) => bytes);
  }

  json<T>(): AsyncIterable<StreamEvent<T>> {
    return this.#iterate(({ event }) => event && parsed<T>(event));
  }

  saveTo(storage: SavingStorage, key: string): LongstreamStream {
    this.#notYet("saveTo");
    const { url, cursor } = fieldsOf(storage.getItem(key) ?? "");
    if (typeof url === "string") {
      this.#requests.goTo(url);
      this.#cursor = typeof cursor === "string" ? cursor : null;
    }
    this.#save = (what) => {
      if (what === "nothing") storage.removeItem(key);
      else storage.setItem(key, JSON.stringify({ url: this.url, cursor: this.#cursor }));
    };
    return this;
  }

  close(): void {
    this.#stop(closed);
  }

  async cancel(reason?: string): Promise<void> {
    // A signal of its own: whoever stops reading may still want the stream stopped.
    const { signal } = new AbortController();
    for (let failures = 0; ; ) {
      try {
        return await this.#requests.cancel(reason);
      } catch (error) {
        failures = await this.#pace.again(error, failures, signal);
      }
    }
  }

  #notYet(what: string): void {
    if (this.#log !== null) throw failure("bad-request", `begin with ${what}()`, "the request is made; chain it to openStream()");
  }

  async *#iterate<T>(pick: (news: News) => T | undefined): AsyncGenerator<T, void, void> {
    // Unless it is known better: the caller left the loop.
    let last: Condition = closed;
    try {
      for (let news = await this.#next(); !this.#closing.signal.aborted; news = await this.#next()) {
        const { place, end } = news;
        const item = pick(news);
        if (end !== undefined) {
          last = { state: "ended", ...end };
          break;
        }
        if (item !== undefined) {
          this.#cursor = place.cursor;
          try {
            yield item;
          } finally {
            this.#save("place");
          }
        }
      }
    } catch (error) {
      last = { state: "failed", error };
    } finally {
      this.#stop(last);
    }
    if (this.state === "failed" || this.#condition.error) throw this.#condition.error;
  }

  async #next(): Promise<News> {
    return this.#ahead.pop() ?? this.#read();
  }

  async #read(): Promise<News> {
    this.#log ??= readLog(this.#requests, this.#cursor, this.#pace, this.#signal, (state) => this.#tell(state));
    try {
      return (await this.#log.next()).value;
    } catch (error) {
      // There is nothing to go on with: the next load of the page begins anew.
      if (error instanceof LongstreamError && error.code === "stream-not-found") this.#save("nothing");
      this.#stop({ state: "failed", error });
      throw error;
    }
  }

  #tell(state: "open" | "reconnecting"): void {
    // Until the first answer it is connecting.
    if (this.#signal.aborted || (state === "reconnecting" && this.state !== "open")) return;
    this.#save("place");
    this.#condition = { state };
    this.#onState?.(state);
  }

  /** Once; the first reason stands. */
  #stop(condition: Condition): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#requests.giveUp();
    this.#condition = condition;
    this.#onState?.(condition.state);
  }
}

function parsed<T>(event: StreamEvent): StreamEvent<T> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller's claim, as its declaration says
    return { ...event, data: JSON.parse(event.data) as T };
  } catch {
    throw failure("bad-event", `parse the event ${event.id}`, "its data is no JSON");
  }
}
