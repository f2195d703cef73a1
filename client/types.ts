/** Owns what callers of the client see: the event, the stream, its states and its options. */

import type { Outcome, Reset } from "../protocol/sse.ts";

/** One event of the log. */
export interface StreamEvent<Data = string> {
  /** The cursor after this event: what `from` takes to go on behind it. */
  readonly id: string;
  /** The event's name; `message` for one without a name, as in an EventSource. */
  readonly event: string;
  readonly data: Data;
  /** Only of the event `longstream.reset`, which comes where the cursor led nowhere: what that means for the reader. */
  readonly reset?: StreamReset;
}

/** What came behind `cursor`, and before `first` where both are of one log, is lost. */
export interface StreamReset extends Reset {
  /** The cursor that led nowhere. */
  readonly cursor: string | null;
}

/**
 * `connecting` until the first answer, then `open` and `reconnecting` in turn. `ended`: the stream has an outcome, or
 * `close()` was called. `failed`: reading was given up without an outcome; the iteration throws why.
 */
export type StreamState = "connecting" | "open" | "reconnecting" | "ended" | "failed";

/**
 * One stream being read, over as many connections as it takes. It is read once, and in one way: as events, as events
 * whose data is JSON, or as bytes; two loops would share what comes, and both throw what ends it. What is not asked for
 * is not read, so a slow loop slows the server's sending, not the browser's memory.
 *
 * The iteration ends when the outcome is `completed` or `cancelled`, or after `close()`.
 *
 * @throws LongstreamError from the iteration, after everything was delivered, with the code the gateway gave when the
 * outcome is `failed` or `expired`; with its code when a request is refused; `unavailable` when `retry.tries`
 * connections in a row brought nothing, or a request that must not be repeated was lost; `seq-gap` and `protocol-error`
 * when what came is not what the protocol promises, or not what was asked for (events, bytes); `event-too-large` when
 * an event outgrows the reader's buffer; `bad-event` when its data is no JSON.
 * @throws the signal's reason, when `options.signal` is aborted.
 */
export interface LongstreamStream extends AsyncIterable<StreamEvent> {
  /** Id of the event delivered last, before the first one `options.from`; null when there is neither. Of bytes: their count. */
  readonly cursor: string | null;
  readonly state: StreamState;
  /** How the stream ended; null while it has not, and when reading stopped before that was known. */
  readonly outcome: Outcome | null;
  /** URL of the stream itself, from which anybody may read it again; null until an answer has named it. */
  readonly url: string | null;
  /** The body of an answer that is no event stream. Call it in the statement that opens the stream. */
  bytes(): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** The events with their data parsed. That it is a `T` is the caller's claim, of every event, `longstream.reset` included. */
  json<T>(): AsyncIterable<StreamEvent<T>>;
  /**
   * Keeps under `key` which stream this is and, each time the loop asks for the next event or leaves, the cursor. Where
   * `key` has them already, goes on from there, and the URL, method and body the stream was opened with are not used:
   * remove the key to begin anew. It is removed when the stream is no longer there. Call it in the statement that opens
   * the stream.
   */
  saveTo(storage: SavingStorage, key: string): LongstreamStream;
  /** Stops reading. The stream itself goes on; the iteration ends. */
  close(): void;
  /**
   * Stops the stream, for every reader; this one still receives what came before, and the outcome. Before the first
   * answer it waits for it, since that names the stream. Repeated like a connection until it has an answer.
   *
   * @throws LongstreamError `stream-not-found` when no answer ever named the stream; else as the gateway refuses it.
   */
  cancel(reason?: string): Promise<void>;
}

/** `localStorage`, `sessionStorage`, or anything alike. */
export type SavingStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A function is called before each request, so that a token is fresh; one that throws counts as a failed try. */
export type HeadersSource = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

export interface RetryOptions {
  /** Shortest wait before a reconnect, in milliseconds, where the server names none. Default 1,000. */
  readonly minMs?: number;
  /** Longest wait, in milliseconds, unless the server asks for more. Default 30,000. */
  readonly maxMs?: number;
  /** Connections in a row that may bring nothing (no event, no byte, no heartbeat) before reading fails. Default 10. */
  readonly tries?: number;
}

export interface StreamOptions {
  /** Of the first request; reconnects are `GET`. Anything but `GET` is sent once, whatever happens. Default `GET`. */
  readonly method?: string;
  readonly headers?: HeadersSource;
  /** Of the first request. */
  readonly body?: Exclude<BodyInit, ReadableStream>;
  /** A cursor, or a bare seq, to go on behind; of bytes, how many to skip. Only with `GET`. */
  readonly from?: string | null;
  /** Stops reading; the iteration throws its reason. */
  readonly signal?: AbortSignal;
  /** Instead of the global one. */
  readonly fetch?: Fetch;
  /** Called at each change of state; what it throws ends the reading. */
  readonly onState?: (state: StreamState) => void;
  readonly retry?: RetryOptions;
}
