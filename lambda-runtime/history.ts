/** Owns reading the stored events of a stream back, for a handler that continues from them. */

import { EventSourceParserStream } from "eventsource-parser/stream";
import { parseCursor } from "../protocol/cursor.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { eventStreamType } from "../protocol/http.ts";
import type { LoggedEvent } from "./types.ts";

const maxReadsWithoutProgress = 3;

/**
 * Events 1 to `untilSeq` of the stream at `url`, as they are asked for. A read that breaks off goes on from its cursor.
 *
 * @throws LongstreamError `unavailable` when the log cannot be read.
 */
export async function* readHistory(url: string, untilSeq: number, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, void> {
  let seq = 0;
  for (let fruitless = 0; seq < untilSeq; fruitless++) {
    if (fruitless === maxReadsWithoutProgress) {
      throw new LongstreamError("unavailable", `Cannot read the history of the stream: it breaks off after event ${seq} of ${untilSeq}`);
    }
    for await (const event of readOnce(url, seq, signal)) {
      if (event.seq > untilSeq) return;
      yield event;
      seq = event.seq;
      fruitless = -1;
    }
  }
}

async function* readOnce(url: string, seq: number, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, void> {
  const response = await fetch(`${url}?live=false&from=${seq}`, { headers: { accept: eventStreamType }, signal });
  if (!response.ok || response.body === null) {
    throw new LongstreamError("unavailable", `Cannot read the history of the stream: the gateway answered ${response.status}`);
  }
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id, event, data } of events) {
    const cursor = parseCursor(id ?? "");
    if (cursor !== undefined) yield { seq: cursor.seq, event, data };
  }
}
