/** Owns the client's errors: which of them another try may cure, and what each of them says. */

import { parseCursor } from "../protocol/cursor.ts";
import type { ResetReason } from "../protocol/cursor.ts";
import { LongstreamError, describe, errorTable, isErrorCode } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { JsonReader } from "../protocol/json.ts";
import { limits } from "../protocol/limits.ts";
import type { Outcome, Reset, StreamFailure } from "../protocol/sse.ts";

/** A connection that came to nothing; another may do better. Never leaves the client. */
export class Drop extends Error {
  override readonly name = "Drop";
}

/** What stands in the way, with the cause that Node's fetch hides behind "fetch failed". */
export function why(thrown: unknown): string {
  const text = describe(thrown, limits.maxErrorChars);
  return thrown instanceof Error && thrown.cause instanceof Error ? `${text}: ${why(thrown.cause)}` : text;
}

export function badContentType(type: string | null, url: string): LongstreamError {
  const came = type === null ? "an answer without a content type" : `"${type}"`;
  return new LongstreamError("protocol-error", `Cannot read ${url} as events: ${came} came, not text/event-stream; check the URL and what its handler returns`);
}

/** An answer that is neither 200 nor 204: final, or a `Drop` where the same request may succeed later. */
export async function refused(response: Response, url: string): Promise<LongstreamError | Drop> {
  const { status } = response;
  const { code, detail } = await readProblem(response);
  const message = detail ?? `Cannot ask ${url}: ${unexplained(response)}`;
  const known = code !== null && isErrorCode(code) ? code : null;
  const transient = status === 429 || (status >= 500 && (known === null || errorTable[known].retry));
  return transient ? new Drop(message) : new LongstreamError(known ?? codeOf(status), message);
}

interface Explanation {
  readonly code: string | null;
  readonly detail: string | null;
}

async function readProblem(response: Response): Promise<Explanation> {
  if (!(response.headers.get("content-type") ?? "").startsWith("application/problem+json")) {
    await response.body?.cancel();
    return { code: null, detail: null };
  }
  try {
    const reader = JsonReader.parse(await response.text(), "the problem details");
    const title = reader.optional("title", readText);
    return { code: reader.optional("code", readText), detail: reader.optional("detail", readText) ?? title };
  } catch {
    return { code: null, detail: null };
  }
}

function readText(reader: JsonReader, field: string): string {
  return reader.string(field);
}

function unexplained(response: Response): string {
  const type = response.headers.get("content-type");
  return `the answer is ${response.status}${response.statusText === "" ? "" : ` ${response.statusText}`}${type === null ? "" : ` with ${type}`}`;
}

function codeOf(status: number): ErrorCode {
  if (status >= 500) return "unavailable";
  return status >= 400 ? "bad-request" : "protocol-error";
}

export function notSentAgain(method: string, url: string, drop: Drop): LongstreamError {
  return new LongstreamError(
    "unavailable",
    `Cannot open the stream: ${method} ${url} failed before an answer named the stream (${why(drop)}); ` +
      "it is not sent again, since it may have had its effect. Where the page is of another origin, check that Stream-Url is exposed to it",
    { cause: drop },
  );
}

export function gaveUp(tries: number, drop: Drop): LongstreamError {
  return new LongstreamError("unavailable", `Cannot go on: ${tries} tries in a row came to nothing, the last with: ${why(drop)}`, {
    cause: drop,
  });
}

const lost: Record<ResetReason, string> = {
  unknown: "it is no cursor",
  foreign: "it belongs to another log",
  "beyond-end": "the log ends before it",
  truncated: "the log no longer reaches back to it",
};

export function cursorReset(cursor: string | null, reset: Reset): LongstreamError {
  const message = `Cannot go on from the cursor ${JSON.stringify(cursor)}: ${lost[reset.reason]} (${reset.reason}); open the stream without it, or set onReset`;
  return new LongstreamError("bad-request", message, { cause: reset });
}

/** What the iteration throws for an outcome; null for the two that are no error. */
export function outcomeError(outcome: Outcome, failure: StreamFailure | null): LongstreamError | null {
  if (outcome === "completed" || outcome === "cancelled") return null;
  const code = outcome === "expired" ? "expired" : "handler-failed";
  return new LongstreamError(failure?.code ?? code, failure?.message ?? `The stream ended with the outcome "${outcome}", without a reason`);
}

export function badId(id: string | undefined): LongstreamError {
  const came = id === undefined ? "an event came without an id" : `the id ${JSON.stringify(id)} ${parseCursor(id) === undefined ? "is no cursor" : "is of another log"}`;
  return new LongstreamError("protocol-error", `Cannot place an event: ${came}; is the URL one of a Longstream gateway?`);
}

export function seqGap(expected: number, found: number): LongstreamError {
  return new LongstreamError("seq-gap", `Cannot go on: event ${expected} should come, and ${found} came; events were lost between gateway and reader`);
}
