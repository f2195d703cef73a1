/** Owns reading the stored events of a stream back, for a handler that continues from them. */

import { setTimeout as sleep } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { parseCursor } from "../protocol/cursor.ts";
import { LongstreamError, describe, errorTable } from "../protocol/errors.ts";
import { eventStreamType } from "../protocol/http.ts";
import type { LoggedEvent } from "./types.ts";

const maxReadsWithoutProgress = 5;
/** Before the second read in a row without progress, and as much more before each one after it. */
const pauseMs = 200;

/**
 * Events 1 to `untilSeq` of the stream at `url`, as they are asked for. A read that breaks off goes on from its cursor.
 *
 * @throws LongstreamError `unavailable` when the log cannot be read, `stream-not-found`, `bad-request` for a log of bytes;
 * the signal's reason.
 */
export async function* readHistory(url: string, untilSeq: number, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, void> {
  let seq = 0;
  for (let fruitless = 0; seq < untilSeq; ) {
    const before = seq;
    try {
      for await (const event of readOnce(url, seq, signal)) {
        if (event.seq > untilSeq) return;
        seq = event.seq;
        yield event;
      }
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      if (fruitless + 1 >= maxReadsWithoutProgress) throw brokenOff(seq, untilSeq, error);
    }
    fruitless = seq > before ? 0 : fruitless + 1;
    if (fruitless >= maxReadsWithoutProgress) throw brokenOff(seq, untilSeq, "it ends early");
    if (fruitless > 0) await sleep(pauseMs * fruitless, undefined, { signal });
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof LongstreamError && !errorTable[error.code].retry;
}

function brokenOff(seq: number, untilSeq: number, cause: unknown): LongstreamError {
  const message = `Cannot read the history of the stream: it breaks off after event ${seq} of ${untilSeq} (${describe(cause)})`;
  return new LongstreamError("unavailable", message, { cause });
}

async function* readOnce(url: string, seq: number, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, void> {
  const response = await fetch(`${url}?live=false&from=${seq}`, { headers: { accept: eventStreamType }, signal });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const code = response.status === 404 ? "stream-not-found" : "unavailable";
    throw new LongstreamError(code, `Cannot read the history of the stream: the gateway answered ${response.status}`);
  }
  if (!(response.headers.get("content-type") ?? "").startsWith(eventStreamType)) {
    await response.body.cancel();
    throw new LongstreamError("bad-request", "Cannot read the history of the stream: it answers with bytes; go on from resume.seq, the number of them");
  }
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id, event, data } of events) {
    const cursor = parseCursor(id ?? "");
    if (cursor !== undefined) yield { seq: cursor.seq, event, data };
  }
}
