/** Owns the sequence of connections by which one log is read: each item once and in order, whatever breaks (P2). */

import type { Outcome, Reset, StreamFailure } from "../protocol/sse.ts";
import { Connection } from "./connection.ts";
import type { Item } from "./connection.ts";
import { Drop } from "./failures.ts";
import { advance, finish, placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import { retrying } from "./reconnect.ts";
import type { Pace } from "./reconnect.ts";
import type { Requests } from "./requests.ts";
import type { StreamEvent } from "./types.ts";

export type News =
  | { readonly type: "event"; readonly event: StreamEvent }
  | { readonly type: "reset"; readonly reset: Reset }
  | { readonly type: "end"; readonly cursor: string | null; readonly outcome: Outcome; readonly failure: StreamFailure | null };

/** Nothing to deliver, but proof that the connection held for a heartbeat's time. */
interface Heartbeat {
  readonly type: "heartbeat";
}

export interface ReaderOptions {
  readonly requests: Requests;
  readonly from: string | null;
  readonly pace: Pace;
  readonly tries: number;
  readonly signal: AbortSignal;
  readonly onState: (state: "open" | "reconnecting") => void;
}

type Link = { readonly phase: "new" } | { readonly phase: "open"; readonly connection: Connection } | { readonly phase: "lost" };

export class Reader {
  readonly #options: ReaderOptions;
  /** After what was taken from a connection, which is ahead of what was delivered by one event at most. */
  #place: Place;
  #link: Link = { phase: "new" };

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#place = placeOf(options.from);
  }

  /**
   * One call at a time. Nothing follows an `end`.
   *
   * @throws LongstreamError when reading cannot go on; the signal's reason; what the caller's `headers` threw.
   */
  async next(): Promise<News> {
    for (;;) {
      const news = await this.#take();
      if (news.type !== "heartbeat") return news;
    }
  }

  close(): void {
    if (this.#link.phase === "open") this.#link.connection.close();
  }

  async #take(): Promise<News | Heartbeat> {
    if (this.#link.phase === "open") {
      try {
        return await this.#read(this.#link.connection);
      } catch (error) {
        if (!(error instanceof Drop)) throw error;
      }
    }
    const start = this.#link.phase === "new" ? "now" : "after-wait";
    return retrying({ ...this.#options, start }, () => this.#connect());
  }

  /** Succeeds only when the connection brings something: one that opens and breaks off counts as a failure. */
  async #connect(): Promise<News | Heartbeat> {
    const { requests, pace, signal, onState } = this.#options;
    const answer = await requests.connect(this.#place.cursor, signal);
    if (answer.type === "complete") return this.#judge("told");
    const connection = new Connection(answer.body, (ms) => pace.told(ms));
    this.#link = { phase: "open", connection };
    onState("open");
    return this.#read(connection);
  }

  async #read(connection: Connection): Promise<News | Heartbeat> {
    try {
      for (;;) {
        const item = await connection.next();
        const news = item.type === "closed" ? await this.#judge("unknown") : this.#admit(item);
        if (news !== null) return news;
      }
    } catch (error) {
      connection.close();
      this.#link = { phase: "lost" };
      if (error instanceof Drop) this.#options.onState("reconnecting");
      throw error;
    }
  }

  /** Null for a duplicate. */
  #admit(item: Exclude<Item, { type: "closed" }>): News | Heartbeat | null {
    switch (item.type) {
      case "heartbeat":
        return item;
      case "reset":
        this.#place = placeOf(item.reset.first);
        return item;
      case "end": {
        this.#place = finish(this.#place, item.id);
        const { outcome, failure } = item;
        return { type: "end", cursor: this.#place.cursor, outcome, failure };
      }
      case "event": {
        const place = advance(this.#place, item.id);
        if (place === null) return null;
        this.#place = place;
        return { type: "event", event: { id: place.cursor, event: item.event, data: item.data } };
      }
    }
  }

  /**
   * A clean end is what a proxy makes of a cut as well, so that only the status can say that the stream has ended
   * (P3), and only the last seq that everything was delivered, unless the gateway has said so by a 204.
   */
  async #judge(delivered: "told" | "unknown"): Promise<News> {
    const { outcome, failure, lastSeq } = await this.#options.requests.status(this.#options.signal);
    if (outcome === null) throw new Drop("the answer ended before the stream");
    if (delivered === "unknown" && lastSeq !== this.#place.seq) throw new Drop("the answer ended before the last event");
    return { type: "end", cursor: this.#place.cursor, outcome, failure };
  }
}
