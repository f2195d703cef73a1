/** Owns the client's errors: which of them another try may cure, and what each of them says. */

import { LongstreamError, errorTable, isErrorCode } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { fieldsOf } from "./wire.ts";

/** A connection that came to nothing; another may do better. Never leaves the client. */
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

/** A refusal as an error: final, or a `Drop` where the same request may succeed later. */
export async function refused(response: Response, url: string): Promise<LongstreamError | Drop> {
  const { status } = response;
  const type = response.headers.get("content-type") ?? "no content type";
  const { code, detail } = fieldsOf(await readProblem(response, type));
  const message = typeof detail === "string" ? detail : `Cannot ask ${url}: it answers ${status} (${type})`;
  const known = typeof code === "string" && isErrorCode(code) ? code : null;
  if (status === 429 || (status > 499 && (known === null || errorTable[known].retry))) return new Drop(message);
  return new LongstreamError(known ?? "bad-request", message);
}

async function readProblem(response: Response, type: string): Promise<string> {
  if (type.startsWith("application/problem+json")) return response.text();
  await response.body?.cancel();
  return "";
}

export function failure(code: ErrorCode, what: string, stands: string, cause?: unknown): LongstreamError {
  return new LongstreamError(code, `Cannot ${what}: ${stands}`, { cause });
}
