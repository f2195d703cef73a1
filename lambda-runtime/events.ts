/** Owns turning what a handler returned and yields into the payloads of the log, and refusing what cannot be. */

import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { checkEventBytes, eventLines } from "../protocol/sse.ts";
import type { EventSequence, StreamEvent } from "./types.ts";

export interface EncodedEvent {
  /** SSE lines without id and blank line. */
  readonly payload: Uint8Array;
  /** The event's own id, or null to keep the one before. */
  readonly sourceId: string | null;
}

const accepted = "return an async generator or another iterable of events, each a string or {event?, data, id?}";
const encoder = new TextEncoder();

/** One event at a time, and a way to end the handler at a yield so that its `finally` blocks run. */
export interface EventSource {
  next(): Promise<IteratorResult<unknown, unknown>>;
  return(): Promise<void>;
}

/** @throws LongstreamError `bad-handler-result`, which says what is accepted. */
export function toEventSource(result: unknown): EventSource {
  if (isSequence(result)) {
    const iterator = Symbol.asyncIterator in result ? result[Symbol.asyncIterator]() : result[Symbol.iterator]();
    return {
      next: async () => iterator.next(),
      return: async () => {
        await iterator.return?.();
      },
    };
  }
  throw new LongstreamError("bad-handler-result", `Cannot stream what the handler returned (${nameOf(result)}): ${accepted}`);
}

/** @throws LongstreamError `bad-event` or `event-too-large`, naming the event. */
export function encodeEvent(value: unknown): EncodedEvent {
  const { event, data, id } = readEvent(value);
  const payload = encoder.encode(eventLines(event, typeof data === "string" ? data : toJson(data)));
  checkEventBytes(payload.length);
  return { payload, sourceId: id === undefined ? null : checkSourceId(id) };
}

function readEvent(value: unknown): Exclude<StreamEvent, string> {
  if (typeof value === "string") return { data: value };
  if (typeof value === "object" && value !== null && "data" in value) {
    const event = "event" in value ? value.event : undefined;
    const id = "id" in value ? value.id : undefined;
    if (isOptionalText(event) && isOptionalText(id)) {
      return { data: value.data, ...(event === undefined ? {} : { event }), ...(id === undefined ? {} : { id }) };
    }
  }
  throw new LongstreamError("bad-event", `Cannot write what the handler yielded (${nameOf(value)}): an event is a string or {event?, data, id?}`);
}

function toJson(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new LongstreamError("bad-event", `Cannot write an event whose data has no JSON form: ${describe(error)}`, { cause: error });
  }
  if (text === undefined) throw new LongstreamError("bad-event", `Cannot write an event whose data is ${nameOf(data)}: it has no JSON form`);
  return text;
}

function checkSourceId(id: string): string {
  const byteLength = encoder.encode(id).length;
  if (byteLength <= limits.maxSourceIdBytes) return id;
  throw new LongstreamError("bad-event", `Cannot keep an event id of ${byteLength} bytes: the limit is ${limits.maxSourceIdBytes}`);
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

/** A string is iterable too, character by character, which nobody means. */
function isSequence(value: unknown): value is EventSequence {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return Object.prototype.toString.call(value);
}
