/** Owns the stream as its caller sees it: the iteration, its state, and the ways to stop. */

import type { Outcome } from "../protocol/sse.ts";
import { failure } from "./failures.ts";
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

type Condition =
  | { readonly state: Exclude<StreamState, "ended">; readonly outcome: null }
  /** No outcome: the caller closed it. */
  | { readonly state: "ended"; readonly outcome: Outcome | null };

const failed: Condition = { state: "failed", outcome: null };

class OpenStream implements LongstreamStream {
  readonly #options: StreamOptions;
  readonly #requests: Requests;
  readonly #pace: Pace;
  readonly #reader: Reader;
  readonly #closing = new AbortController();
  readonly #first: Promise<News>;
  readonly #events = this.#iterate();
  #condition: Condition = { state: "connecting", outcome: null };
  #cursor: string | null;

  constructor(url: string | URL, options: StreamOptions) {
    const { from = null, signal } = options;
    this.#options = options;
    this.#cursor = from;
    this.#requests = new Requests(url, options);
    this.#pace = new Pace(options.retry ?? {}, Math.random);
    const stopped = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    this.#reader = new Reader(this.#requests, from, this.#pace, stopped, (state) => {
      if (!stopped.aborted) this.#become({ state, outcome: null });
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
    return this.#condition.outcome;
  }

  get url(): string | null {
    return this.#requests.url;
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, void> {
    return this.#events;
  }

  close(): void {
    this.#stop({ state: "ended", outcome: null });
  }

  async cancel(reason?: string): Promise<void> {
    // A signal of its own: whoever stops reading may still want the stream stopped.
    const { signal } = new AbortController();
    await retrying(this.#pace, "now", signal, () => this.#requests.cancel(reason));
  }

  async *#iterate(): AsyncGenerator<StreamEvent, void, void> {
    try {
      for (let news = await this.#first; this.state !== "ended"; news = await this.#next()) {
        switch (news.type) {
          case "event":
            this.#cursor = news.id;
            yield { id: news.id, event: news.event, data: news.data };
            break;
          case "reset":
            this.#reset(news);
            break;
          case "end":
            this.#stop({ state: "ended", outcome: news.outcome });
            if (news.error !== null) throw news.error;
            return;
          case "heartbeat":
        }
      }
    } catch (error) {
      if (this.state === "ended" && this.outcome === null) return;
      this.#stop(failed);
      throw error;
    } finally {
      this.close();
    }
  }

  async #next(): Promise<News> {
    try {
      return await this.#reader.next();
    } catch (error) {
      this.#stop(failed);
      throw error;
    }
  }

  #reset({ reason, first }: Extract<News, { type: "reset" }>): void {
    const { onReset } = this.#options;
    if (onReset === undefined) {
      throw failure("bad-request", `go on from the cursor ${this.#cursor}`, `it is ${reason}; open the stream without it, or set onReset`, { reason, first });
    }
    this.#cursor = first;
    onReset({ reason, first });
  }

  /** Once; the first reason stands. */
  #stop(condition: Condition): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#reader.close();
    this.#requests.giveUp();
    this.#become(condition);
  }

  #become(condition: Condition): void {
    if (condition.state === this.state) return;
    this.#condition = condition;
    this.#options.onState?.(condition.state);
  }
}
