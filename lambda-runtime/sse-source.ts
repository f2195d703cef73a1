/** Owns reading a handler's own event stream: its bytes become the events of the log. */

import { createParser } from "eventsource-parser";
import type { EventSourceMessage } from "eventsource-parser";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { ChunkSource, Source } from "./chunks.ts";
import { encodeEvent } from "./events.ts";

/**
 * Events with their `event`, `data` and `id` (kept as `sourceId`). Comments and `retry` are not forwarded: the gateway has
 * its own. An event that is not ended by a blank line is dropped (WHATWG HTML, section 9.2.6).
 *
 * @throws LongstreamError `event-too-large`.
 */
export function sseChunks(bytes: ChunkSource): ChunkSource {
  const events: EventSourceMessage[] = [];
  // A block with an id alone moves the last event id, and is no event.
  let lastId: string | undefined;
  /** Thrown behind the events that are complete before it. */
  let failure: LongstreamError | null = null;
  const decoder = new TextDecoder();
  const parser = createParser({
    maxBufferSize: limits.maxEventBytes,
    onId: (id) => {
      lastId = id;
    },
    onEvent: ({ event, data }) => {
      events.push({ event, data, id: lastId });
      lastId = undefined;
    },
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") failure = tooLarge();
    },
  });
  return eventChunks({
    next: async () => {
      while (events.length === 0) {
        if (failure !== null) throw failure;
        const step = await bytes.next();
        if (step.done === true) return { done: true, value: undefined };
        parser.feed(decoder.decode(step.value.payload, { stream: true }));
      }
      return { done: false, value: events.shift() };
    },
    return: async () => bytes.return(),
  });
}

/** What a handler yields, or its event stream says, as chunks. */
export function eventChunks(source: Source<unknown>): ChunkSource {
  return {
    next: async () => {
      const step = await source.next();
      return step.done === true ? step : { done: false, value: encodeEvent(step.value) };
    },
    return: async () => source.return(),
  };
}

function tooLarge(): LongstreamError {
  return new LongstreamError("event-too-large", `Cannot read the handler's event stream: an event has over ${limits.maxEventBytes} characters`);
}
