/** Owns finding, in what the local Lambda host remembers, what a stream's invocations were handed. */

import type { Stack } from "../../local/stack.ts";

export interface Invocation {
  readonly streamId: string;
  readonly attempt: number;
  readonly ticket: string;
}

/** In order of arrival; a duplicate delivery is there twice. */
export function invocationsOf(stack: Stack, streamId: string): readonly Invocation[] {
  return stack.lambda.invocations().flatMap(({ payload }) => {
    if (typeof payload !== "object" || payload === null || !("stream" in payload && "attempt" in payload && "ticket" in payload)) return [];
    return payload.stream === streamId ? [{ streamId, attempt: Number(payload.attempt), ticket: String(payload.ticket) }] : [];
  });
}
