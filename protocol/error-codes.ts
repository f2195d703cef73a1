/** Owns the error codes and the one error class, apart from the table, which a page has no use for. */

/** The same request may succeed later without anybody changing anything. */
const passingCodes = ["head-timeout", "unavailable", "too-many-readers", "seq-gap"] as const;

const lastingCodes = [
  "bad-request",
  "bad-config",
  "bad-ticket",
  "route-not-found",
  "stream-not-found",
  "method-not-allowed",
  "upgrade-required",
  "request-too-large",
  "upload-broken",
  "url-too-long",
  "headers-too-large",
  "stream-exists",
  "range-not-satisfiable",
  "fenced",
  "protocol-error",
  "frame-too-large",
  "event-too-large",
  "stream-too-large",
  "checkpoint-too-large",
  "bad-event",
  "bad-handler-result",
  "handler-failed",
  "replay-diverged",
  "upstream-dropped",
  "invoke-failed",
  "attempts-exhausted",
  "expired",
  "cancelled",
] as const;

export type PassingCode = (typeof passingCodes)[number];
export type ErrorCode = PassingCode | (typeof lastingCodes)[number];

export function isPassingCode(text: unknown): text is PassingCode {
  return passingCodes.some((code) => code === text);
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return isPassingCode(text) || lastingCodes.some((code) => code === text);
}

/** The only error the product throws on purpose. Messages read "Cannot <do what>: <what stands in the way>". */
export class LongstreamError extends Error {
  override readonly name = "LongstreamError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
