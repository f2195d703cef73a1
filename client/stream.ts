/** Owns the stream as its caller sees it: the iteration, its state, and the ways to stop. */

import type { Outcome, Reset } from "../protocol/sse.ts";
import { cursorReset, outcomeError } from "./failures.ts";
import { Pace, retrying } from "./reconnect.ts";
import { Reader } from "./reader.ts";
import type { News } from "./reader.ts";
import { Requests } from "./requests.ts";
import type { LongstreamStream, StreamEvent, StreamOptions, StreamState } from "./types.ts";

/**
 * Opens a stream: a route of a gateway, which starts one, or a stream's own URL. The request is made at once; events
 * are read as they are iterated.
 *
 * @throws LongstreamError `bad-request` for options that no request can be made of.
 */
export function openStream(url: string | URL, options: StreamOptions = {}): LongstreamStream {
  return new OpenStream(url, options);
}

const defaultTries = 10;

type Condition = { readonly state: Exclude<StreamState, "ended"> } | { readonly state: "ended"; readonly outcome: Outcome | null };

class OpenStream implements LongstreamStream {
  readonly #options: StreamOptions;
  readonly #requests: Requests;
  readonly #pace: Pace;
  readonly #reader: Reader;
  readonly #closing = new AbortController();
  readonly #first: Promise<News>;
  readonly #events = this.#iterate();
  #condition: Condition = { state: "connecting" };
  #cursor: string | null;

  constructor(url: string | URL, options: StreamOptions) {
    const { from = null, retry = {}, signal } = options;
    this.#options = options;
    this.#cursor = from;
    this.#requests = new Requests(url, options);
    this.#pace = new Pace(retry, Math.random);
    this.#reader = new Reader({
      requests: this.#requests,
      from,
      pace: this.#pace,
      tries: retry.tries ?? defaultTries,
      signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
      onState: (state) => this.#become({ state }),
    });
    this.#first = this.#next();
    // Thrown by the iteration; whoever never iterates has `onState`.
    this.#first.catch(() => undefined);
  }

  get cursor(): string | null {
    return this.#cursor;
  }

  get state(): StreamState {
    return this.#condition.state;
  }

  get outcome(): Outcome | null {
    return this.#condition.state === "ended" ? this.#condition.outcome : null;
  }

  get url(): string | null {
    return this.#requests.streamUrl;
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, void> {
    return this.#events;
  }

  close(): void {
    this.#become({ state: "ended", outcome: null });
    this.#release();
  }

  async cancel(reason?: string): Promise<void> {
    if (this.outcome !== null) return;
    const tries = this.#options.retry?.tries ?? defaultTries;
    // Of its own: whoever stops reading may still want the stream stopped.
    const { signal } = new AbortController();
    await retrying({ pace: this.#pace, tries, start: "now", signal }, () => this.#requests.cancel(reason));
  }

  async *#iterate(): AsyncGenerator<StreamEvent, void, void> {
    try {
      for (let news = await this.#first; this.#condition.state !== "ended"; news = await this.#next()) {
        switch (news.type) {
          case "event":
            this.#cursor = news.event.id;
            yield news.event;
            break;
          case "reset":
            this.#reset(news.reset);
            break;
          case "end":
            return this.#end(news);
        }
      }
    } catch (error) {
      if (this.#condition.state === "ended" && this.#condition.outcome === null) return;
      this.#become({ state: "failed" });
      throw error;
    } finally {
      this.close();
    }
  }

  async #next(): Promise<News> {
    try {
      return await this.#reader.next();
    } catch (error) {
      this.#become({ state: "failed" });
      this.#release();
      throw error;
    }
  }

  #reset(reset: Reset): void {
    if (this.#options.onReset === undefined) throw cursorReset(this.#cursor, reset);
    this.#cursor = reset.first;
    this.#options.onReset(reset);
  }

  #end({ cursor, outcome, failure }: Extract<News, { type: "end" }>): void {
    this.#cursor = cursor;
    this.#become({ state: "ended", outcome });
    const error = outcomeError(outcome, failure);
    if (error !== null) throw error;
  }

  /** `ended` and `failed` are final. */
  #become(condition: Condition): void {
    const { state } = this.#condition;
    if (state === "ended" || state === "failed" || state === condition.state) return;
    this.#condition = condition;
    try {
      this.#options.onState?.(condition.state);
    } catch (error) {
      // As an event listener's error: reported, and none of the stream's business.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #release(): void {
    this.#closing.abort();
    this.#reader.close();
    this.#requests.giveUp();
  }
}
