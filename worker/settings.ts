/** Owns the settings of one stream: what an operator may set, the defaults, and their reasons. */

/** A stream keeps the settings it was created with. Durations are in milliseconds. */
export interface StreamSettings {
  /** At most one commit per interval once events follow one another; the first after silence commits at once. */
  readonly commitIntervalMs: number;
  /** Silence after which a producer is taken for dead. It pings three times as often. */
  readonly leaseMs: number;
  /** How long a producer whose socket closed may dial again before a new attempt is made. */
  readonly redialMs: number;
  /** How long an invoked attempt may take to dial in: cold start included. */
  readonly attemptStartMs: number;
  /** How long an upstream may send nothing, its head included, before it is taken for dead. A model may think that long. */
  readonly upstreamIdleMs: number;
  /** Wait after an invoke that was refused for now (429, 5xx). */
  readonly invokeRetryMs: number;
  /** How long the active producer may take to yield once its successor is ready. */
  readonly yieldMs: number;
  /** How long one attempt's ticket lets it dial: the longest time limit of a function and the age of an async event. */
  readonly ticketMs: number;
  /** Silence after which an upload is taken for broken. The Worker speaks three times as often, whatever the client does. */
  readonly uploadIdleMs: number;
  /** Total time of a stream, all attempts together. */
  readonly maxDurationMs: number;
  /** How long the log is kept after the end. */
  readonly retentionMs: number;
  /** Size of the log. Past it the stream fails with `stream-too-large`; what is stored stays readable. */
  readonly maxStreamBytes: number;
  /** Readers at a time. One more is told to come back. */
  readonly maxConsumers: number;
}

/**
 * What a route answers with. `response`: whatever the handler answers, once its head is there. `events`: an event stream,
 * at once.
 */
export type RouteKind = "response" | "events";

export const routeKinds: readonly RouteKind[] = ["response", "events"];

/** What a stream does once its last reader has left. */
export type OnAbandon = "continue" | { readonly cancelAfterMs: number };

const second = 1_000;
const hour = 3_600 * second;

export const defaultSettings: StreamSettings = {
  commitIntervalMs: 50,
  leaseMs: 30 * second,
  redialMs: 1_500,
  attemptStartMs: 15 * second,
  upstreamIdleMs: 120 * second,
  invokeRetryMs: second,
  yieldMs: 5 * second,
  ticketMs: 16 * 60 * second,
  uploadIdleMs: 30 * second,
  maxDurationMs: 24 * hour,
  retentionMs: 24 * hour,
  maxStreamBytes: 1024 ** 3,
  maxConsumers: 1_000,
};

/** Lowest value of each setting that still works; under it the configuration is refused. */
export const leastSettings: StreamSettings = {
  commitIntervalMs: 0,
  leaseMs: second,
  redialMs: 0,
  attemptStartMs: 100,
  upstreamIdleMs: 100,
  invokeRetryMs: 10,
  yieldMs: 10,
  ticketMs: 1,
  uploadIdleMs: second,
  maxDurationMs: second,
  retentionMs: second,
  maxStreamBytes: 1,
  maxConsumers: 1,
};
