/** Owns the public surface of `longstream/client`. */

export { openStream } from "./stream.ts";
export { superviseEventSource } from "./supervisor.ts";
export { LongstreamError } from "../protocol/error-codes.ts";
export type { ErrorCode } from "../protocol/error-codes.ts";
export type { ResetReason } from "../protocol/cursor.ts";
export type { Outcome } from "../protocol/sse.ts";
export type { SupervisedEventSource, SupervisorOptions } from "./supervisor.ts";
export type { Fetch, HeadersSource, LongstreamStream, RetryOptions, SavingStorage, StreamEvent, StreamOptions, StreamReset, StreamState } from "./types.ts";
