/** Owns turning what a handler yields into the payloads of the log, and refusing what cannot be. */

import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { checkEventBytes, eventLines } from "../protocol/sse.ts";
import type { Chunk } from "./chunks.ts";
import type { StreamEvent } from "./types.ts";

const encoder = new TextEncoder();

/** @throws LongstreamError `bad-event` or `event-too-large`, naming the event. */
export function encodeEvent(value: unknown): Chunk {
  const { event, data, id } = readEvent(value);
  const payload = encoder.encode(eventLines(event, typeof data === "string" ? data : toJson(data, "write an event whose data")));
  checkEventBytes(payload.length);
  return { payload, sourceId: id === undefined ? null : checkSourceId(id) };
}

/**
 * `what`: what cannot be done with a value that has no JSON form.
 *
 * @throws LongstreamError `bad-event`.
 */
export function toJson(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new LongstreamError("bad-event", `Cannot ${what} has no JSON form: ${describe(error)}`, { cause: error });
  }
  if (text === undefined) throw new LongstreamError("bad-event", `Cannot ${what} is ${nameOf(value)}: it has no JSON form`);
  return text;
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

function checkSourceId(id: string): string {
  const byteLength = encoder.encode(id).length;
  if (byteLength <= limits.maxSourceIdBytes) return id;
  throw new LongstreamError("bad-event", `Cannot keep an event id of ${byteLength} bytes: the limit is ${limits.maxSourceIdBytes}`);
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

export function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return Object.prototype.toString.call(value);
}
