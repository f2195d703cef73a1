/** Owns what a handler sees: its stream, what it may return, and the options of `streamHandler`. */

import type { Readable } from "node:stream";

/** What AWS passes as the second argument of a handler, as far as it is used here. */
export interface LambdaContext {
  readonly awsRequestId: string;
  readonly functionName: string;
  getRemainingTimeInMillis(): number;
}

/**
 * One event: a string is its data; an object may name it. `data` that is no string is sent as JSON. `id` is the
 * source's own id, kept as `resume.sourceId` and not sent to readers, whose ids are cursors.
 */
export type StreamEvent = string | { readonly event?: string; readonly data: unknown; readonly id?: string };

/** An event as it stands in the log. */
export interface LoggedEvent {
  readonly seq: number;
  /** Undefined for an event without a name. */
  readonly event: string | undefined;
  readonly data: string;
}

/** What an attempt after the first one goes on from. */
export interface StreamResume {
  /** Durable seq: the events up to it are stored and seen. Of an answer in bytes, the number of bytes. */
  readonly seq: number;
  /** The latest state given to `checkpoint`, or null. */
  readonly checkpoint: unknown;
  /** The last `id` of the handler's own events, or null. */
  readonly sourceId: string | null;
  /** The stored events 1 to `seq`, read as they are asked for; an answer in bytes has none. */
  history(): AsyncGenerator<LoggedEvent, void, void>;
}

/** The stream as its handler sees it. */
export interface HandlerStream {
  readonly id: string;
  /** 1 for the first invocation made for this stream. */
  readonly attempt: number;
  /** Null on the first attempt. */
  readonly resume: StreamResume | null;
  /** Aborted when this attempt's output is no longer wanted: cancelled, replaced, handed over, or failed. */
  readonly signal: AbortSignal;
  /** Aborted when a successor is asked for: time to store a checkpoint. */
  readonly handover: AbortSignal;
  readonly context: LambdaContext;
  /**
   * Stores `state` (JSON, at most 256 KiB) with the event yielded last; a later attempt finds it in
   * `resume.checkpoint` and, with `resume: "replay"`, goes on from that event. An answer in bytes is stored as its stream is
   * read: state counts from what was read of it, which a handler that writes ahead does not know.
   *
   * @throws LongstreamError `checkpoint-too-large`; `bad-event` for a state that has no JSON form.
   */
  checkpoint(state: unknown): void;
  /** Milliseconds until this invocation's time limit. */
  remainingMs(): number;
}

export type EventSequence = AsyncIterable<StreamEvent> | Iterable<StreamEvent>;

/**
 * What a handler answers with: a `Response` as it is (an event stream becomes events with cursors, anything else is kept
 * and resumed by bytes); a sequence of events; a web or Node stream of bytes or of events, by its first chunk.
 */
export type HandlerAnswer = Response | EventSequence | ReadableStream<unknown> | Readable;

/** Gets the client's request; returns (or resolves to) the answer. */
export type StreamHandler = (request: Request, stream: HandlerStream) => HandlerAnswer | Promise<HandlerAnswer>;

/** What a later attempt does; see `StreamHandlerOptions`. */
export type ResumeMode = "replay" | "continue";

export interface StreamHandlerOptions {
  /**
   * What a later attempt does. `replay`: the handler runs again from its last checkpoint or the start, and what is
   * already durable is dropped after it was found to be the same. `continue`: the handler yields only what follows
   * `resume.seq`.
   */
  readonly resume?: ResumeMode;
}
