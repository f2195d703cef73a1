/** Owns error answers: problem details (RFC 9457) by the one error table. */

import { LongstreamError, toProblem } from "../protocol/errors.ts";

export function problemResponse(error: LongstreamError, headers: Readonly<Record<string, string>> = {}): Response {
  const problem = toProblem(error);
  return Response.json(problem, {
    status: problem.status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}

export function methodNotAllowed(method: string, path: string, allowed: readonly string[]): Response {
  const allow = allowed.join(", ");
  const error = new LongstreamError("method-not-allowed", `Cannot ${method} ${path}: the methods are ${allow}`);
  return problemResponse(error, { allow });
}

export function streamNotFound(id: string): LongstreamError {
  return new LongstreamError(
    "stream-not-found",
    `Cannot find the stream ${id}: it was never created, or its log was removed after its retention`,
  );
}
