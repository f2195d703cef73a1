/** Owns the client's errors: which of them another try may cure, and what each of them says. */

import { LongstreamError, isErrorCode, isPassingCode } from "../protocol/error-codes.ts";
import type { ErrorCode } from "../protocol/error-codes.ts";
import { streamUrl } from "../protocol/http.ts";
import { fieldsOf } from "./wire.ts";

/** A connection that came to nothing; another may do better. Its cause is a code, or what was thrown. Never leaves the client. */
export class Drop extends Error {}

/** What was thrown, with the cause that Node's fetch hides behind "fetch failed". */
function why(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message}: ${why(thrown.cause)}` : thrown.message;
}

/** @throws Drop for whatever `run` throws; `what` says what was tried. */
export async function orDrop<T>(what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new Drop(`Cannot ${what}: ${why(error)}`, { cause: error });
  }
}

/**
 * A refusal as an error: a `Drop` where the same request may succeed later, final otherwise. An answer that names its
 * stream and is no problem of the gateway is the handler's own, whatever its status.
 */
export async function refused(response: Response, url: string): Promise<LongstreamError | Drop> {
  const { status, headers } = response;
  const type = headers.get("content-type") ?? "no content type";
  const { code, detail } = fieldsOf(await readProblem(response, type));
  const message = typeof detail === "string" ? detail : `Cannot ask ${url}: it answers ${status} (${type})`;
  if (isErrorCode(code)) return isPassingCode(code) ? new Drop(message, { cause: code }) : new LongstreamError(code, message);
  if (headers.has(streamUrl) || (status < 500 && status !== 429)) return new LongstreamError(status < 500 ? "bad-request" : "handler-failed", message);
  return new Drop(message);
}

async function readProblem(response: Response, type: string): Promise<string> {
  if (type.startsWith("application/problem+json")) return response.text();
  await response.body?.cancel();
  return "";
}

export function failure(code: ErrorCode, what: string, stands: string, cause?: unknown): LongstreamError {
  return new LongstreamError(code, `Cannot ${what}: ${stands}`, { cause });
}
