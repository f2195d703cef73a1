/** Owns holding a handler to the content length it declared. */

import { LongstreamError } from "../protocol/errors.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import type { Chunk, ChunkSource } from "./chunks.ts";

/** Statuses whose answers have no body, though they may tell a length (RFC 9110, sections 6.4.1 and 8.6). */
export const bodilessStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * `from`: bytes of the body before the source's first one.
 *
 * @throws LongstreamError `bad-handler-result` from `next()`, when there are more or fewer bytes than declared.
 */
export function holdToLength(head: ResponseHead, source: ChunkSource, from: number, method: string): ChunkSource {
  const text = head.headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
  if (head.mode === "events" || text === undefined || method === "HEAD" || bodilessStatuses.has(head.status)) return source;
  const declared = Number(text);
  let byteLength = from;
  let rest: "open" | "ended" = "open";
  const take = async (): Promise<IteratorResult<Chunk, unknown>> => {
    const step = await source.next();
    if (step.done === true) rest = "ended";
    else byteLength += step.value.payload.length;
    if (byteLength > declared) throw mismatch(`${byteLength} bytes or more`, text);
    if (step.done === true && byteLength < declared) throw mismatch(`${byteLength} bytes`, text);
    return step;
  };
  return {
    next: async () => {
      if (rest === "ended") return { done: true, value: undefined };
      const step = await take();
      // A client that has the declared length takes the body for complete: that nothing breaks behind it must be known before.
      if (step.done !== true && byteLength === declared) await take();
      return step;
    },
    return: async () => source.return(),
  };
}

function mismatch(actual: string, declared: string): LongstreamError {
  return new LongstreamError("bad-handler-result", `Cannot stream a body of ${actual}: the handler declared a content-length of ${declared}`);
}
