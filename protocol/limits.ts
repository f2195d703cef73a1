/** Owns the bounds of wire, storage and queues: name, unit, reason, and what happens past each. */

const KiB = 1024;
const MiB = 1024 * KiB;

// Named alone, since a page needs these two and no other.

/** One log row. The platform's own limit is 2 MB a row, which local workerd does not enforce. Past it: a new row. */
export const maxRowBytes = MiB;
/** A cursor, so that no client or proxy cuts it. Past it: reset with reason `unknown`. */
export const maxCursorBytes = 64;

/**
 * Bounds that are part of the wire or of the storage format. They are the same on both ends, so they are constants and
 * not settings; what an operator may set is in `worker/settings.ts`.
 */
export const limits = {
  maxRowBytes,
  /** One event as SSE lines, without its id line and blank line, so that any event fits a row. Past it: `event-too-large`. */
  maxEventBytes: MiB - 256,
  /** Pending bytes that make a commit due before its interval is over. */
  commitBytes: 64 * KiB,
  /** A data frame's aim: the runtime starts a new frame here. A single larger event travels in a frame of its own. */
  frameBytes: 64 * KiB,
  /** A data frame's ceiling: the largest event and the frame's own fields. Past it: close 4413. */
  maxFrameBytes: MiB + 4 * KiB,
  /** Producer bytes that may be unacknowledged. Past it the handler's writes wait. */
  windowBytes: 256 * KiB,
  /** Bytes of a request body that are sent to a producer ahead of what its handler reads; the first are sent unasked. */
  bodyWindowBytes: 256 * KiB,
  /** A piece of an upload on its way to the object: one row, and one call. What has come by its time is sent as a smaller one. */
  uploadPieceBytes: 256 * KiB,
  /** Bytes the Worker lets the object send ahead of what the client has taken. Past it the reader costs a cursor. */
  consumerWindowBytes: 256 * KiB,
  /** Log bytes joined into one consumer frame on catch-up. */
  readBytes: 64 * KiB,
  /** A checkpoint's JSON. Past it: `checkpoint-too-large`. */
  maxCheckpointBytes: 256 * KiB,
  /** A control message's JSON text: a checkpoint, escaped at worst, and its envelope. Past it: close 4413. */
  maxControlChars: 2 * MiB,
  maxCursorBytes,
  /** A handler's own SSE id, kept as `sourceId`. */
  maxSourceIdBytes: 1 * KiB,
  /** The request URL the object stores. Past it: 414. */
  maxUrlBytes: 16 * KiB,
  /** All request headers the object stores. Past it: 431. */
  maxHeaderBytes: 64 * KiB,
  /** A close reason: RFC 6455 leaves 123 bytes. Past it: cut. */
  maxCloseReasonBytes: 123,
  /** An error message kept with an outcome. Past it: cut. */
  maxErrorChars: 2_000,
  /** Attempts in a row without a new durable event before the stream fails. */
  maxFruitlessAttempts: 3,
} as const;
