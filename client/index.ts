/** Owns the public surface of `longstream/client`. */

export { openStream } from "./stream.ts";
export { LongstreamError } from "../protocol/errors.ts";
export type { ErrorCode } from "../protocol/errors.ts";
export type { ResetReason } from "../protocol/cursor.ts";
export type { Outcome, Reset } from "../protocol/sse.ts";
export type { Fetch, HeadersSource, LongstreamStream, RetryOptions, StreamEvent, StreamOptions, StreamState } from "./types.ts";
