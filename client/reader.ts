/** Owns the sequence of connections by which one log is read: each item once and in order, whatever breaks (P2). */

import { controlEvents } from "../protocol/sse.ts";
import type { Reset } from "../protocol/sse.ts";
import { Connection } from "./connection.ts";
import type { Item } from "./connection.ts";
import { Drop } from "./failures.ts";
import { advance, placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import { retrying } from "./reconnect.ts";
import type { Pace } from "./reconnect.ts";
import type { Requests } from "./requests.ts";
import type { StreamEvent } from "./types.ts";
import { readEnding, readReset } from "./wire.ts";
import type { Ending } from "./wire.ts";

export type News =
  | ({ readonly type: "event" } & StreamEvent)
  | ({ readonly type: "reset" } & Reset)
  | ({ readonly type: "end" } & Ending)
  /** Nothing to deliver, but proof that the connection held for a heartbeat's time. */
  | { readonly type: "heartbeat" };

type Link = Connection | "new" | "lost";

export class Reader {
  readonly #requests: Requests;
  readonly #pace: Pace;
  readonly #signal: AbortSignal;
  readonly #onState: (state: "open" | "reconnecting") => void;
  /** After what was taken from a connection, which is ahead of what was delivered by one event at most. */
  #place: Place;
  #link: Link = "new";

  constructor(requests: Requests, from: string | null, pace: Pace, signal: AbortSignal, onState: (state: "open" | "reconnecting") => void) {
    this.#requests = requests;
    this.#place = placeOf(from);
    this.#pace = pace;
    this.#signal = signal;
    this.#onState = onState;
  }

  /**
   * One call at a time; nothing follows an end.
   *
   * @throws LongstreamError when reading cannot go on; the signal's reason; what the caller's `onState` threw.
   */
  async next(): Promise<News> {
    const link = this.#link;
    if (link instanceof Connection) {
      try {
        return await this.#read(link);
      } catch (error) {
        if (!(error instanceof Drop)) throw error;
      }
    }
    return retrying(this.#pace, link === "new" ? "now" : "after-wait", this.#signal, () => this.#connect());
  }

  close(): void {
    if (this.#link instanceof Connection) this.#link.close();
  }

  /** Succeeds only when the connection brings something: one that opens and breaks off counts as a failure. */
  async #connect(): Promise<News> {
    const body = await this.#requests.connect(this.#place.cursor, this.#signal);
    if (body === null) return this.#judge();
    const connection = new Connection(body, (ms) => this.#pace.told(ms));
    this.#link = connection;
    this.#onState("open");
    return this.#read(connection);
  }

  async #read(connection: Connection): Promise<News> {
    try {
      for (;;) {
        const item = await connection.next();
        const news = item === "closed" ? await this.#judge(this.#place.seq) : this.#admit(item);
        if (news !== null) return news;
      }
    } catch (error) {
      connection.close();
      this.#link = "lost";
      if (error instanceof Drop) this.#onState("reconnecting");
      throw error;
    }
  }

  /** Null for a duplicate. */
  #admit(item: Exclude<Item, "closed">): News | null {
    if (item === "heartbeat") return { type: item };
    const { id, event = "message", data } = item;
    switch (event) {
      // event: longstream.reset
      // data: {"reason":"foreign","first":"abc-0"}
      case controlEvents.reset: {
        const reset = readReset(data);
        this.#place = placeOf(reset.first);
        return { type: "reset", ...reset };
      }
      // event: longstream.end
      // data: {"outcome":"failed","error":{"code":"handler-failed","message":"..."}}
      // id: abc-9
      case controlEvents.end:
        advance(this.#place, id, 0);
        return { type: "end", ...readEnding(data) };
      default: {
        const place = advance(this.#place, id, 1);
        if (place.seq <= this.#place.seq) return null;
        this.#place = place;
        return { type: "event", id: place.cursor, event, data };
      }
    }
  }

  /**
   * A clean end is what a proxy makes of a cut as well: only the status can say that the stream has ended (P3), and
   * only the last seq that everything was delivered, unless the gateway has said so by a 204.
   */
  async #judge(delivered?: number): Promise<News> {
    if (delivered !== undefined && this.#requests.url === null) throw new Drop("Cannot read on: the answer ended");
    const ending = readEnding(await this.#requests.status(this.#signal));
    if (ending.outcome === null || ending.lastSeq !== (delivered ?? ending.lastSeq)) throw new Drop("Cannot read on: the answer ended before the stream");
    return { type: "end", ...ending };
  }
}
