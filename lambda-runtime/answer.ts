/** Owns turning what a handler returned into a head and the chunks of a body, and refusing what cannot be. */

import { Readable } from "node:stream";
import { LongstreamError } from "../protocol/errors.ts";
import { eventStreamType } from "../protocol/http.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import { byteChunks, emptySource, isBytes, readableSource, streamSource } from "./chunks.ts";
import type { ChunkSource, Source, WebStream } from "./chunks.ts";
import { nameOf } from "./events.ts";
import { bodilessStatuses } from "./length.ts";
import { eventChunks, sseChunks } from "./sse-source.ts";
import type { EventSequence } from "./types.ts";

export interface Answer {
  /** Known at once, but for a stream that is told by its first chunk. */
  head(): Promise<ResponseHead>;
  /** Can be ended before its head is known. */
  readonly source: ChunkSource;
}

const accepted = "return a Response, an async generator or another iterable of events, a ReadableStream or a Readable";
const eventsHead: ResponseHead = { status: 200, headers: [["content-type", eventStreamType]], mode: "events" };
const bytesHead: ResponseHead = { status: 200, headers: [["content-type", "application/octet-stream"]], mode: "bytes" };

/**
 * A `Response` is answered as it is; a sequence is one of events. A stream without a head is one of bytes, or of events, by
 * its first chunk. What is refused is ended.
 *
 * @throws LongstreamError `bad-handler-result`, which says what is accepted.
 */
export function toAnswer(result: unknown): Answer {
  try {
    return accept(result);
  } catch (error) {
    discard(result);
    throw error;
  }
}

/** A body whose stream is locked belongs to whoever locked it. */
function discard(result: unknown): void {
  const body: unknown = isResponse(result) ? result.body : result;
  if (body instanceof Readable) body.destroy();
  else if (isWebStream(body) && !body.locked) streamSource(body).return().catch(() => undefined);
}

function accept(result: unknown): Answer {
  if (isResponse(result)) return fromResponse(result);
  if (isWebStream(result)) {
    if (result.locked) throw refused("the stream is locked: something else reads it");
    return fromStream(streamSource(result));
  }
  if (result instanceof Readable) {
    if (Readable.isDisturbed(result)) throw refused("the stream was read already, or destroyed");
    return fromStream(readableSource(result));
  }
  if (isSequence(result)) return { head: async () => eventsHead, source: eventChunks(sequenceSource(result)) };
  throw new LongstreamError("bad-handler-result", `Cannot stream what the handler returned (${nameOf(result)}): ${accepted}`);
}

function fromResponse(response: Response): Answer {
  const { status, body } = response;
  if (status < 200 || status > 599) throw refused(`its status is ${status}`);
  if (bodilessStatuses.has(status) && body !== null) throw refused(`a ${status} has no body, and it brings one`);
  if (response.bodyUsed || body?.locked === true) throw refused("its body is locked, or was read already");
  const headers = [...response.headers].filter(([name]) => !(wasDecoded(response) && aboutEncoded.has(name)));
  const source = byteChunks(body === null ? emptySource : streamSource(body));
  if (body !== null && isEventStream(response)) {
    return { head: async () => ({ status, headers, mode: "events" }), source: sseChunks(source) };
  }
  return { head: async () => ({ status, headers, mode: "bytes" }), source };
}

function isEventStream({ headers }: Response): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(headers.get("content-type") ?? "");
}

/** Headers that speak of bytes which `fetch` has decoded. */
const aboutEncoded = new Set(["content-encoding", "content-length"]);

/** A response that was fetched is passed on with a body that is encoded no more; one that was made has no URL. */
function wasDecoded({ url, headers }: Response): boolean {
  return url !== "" && headers.has("content-encoding");
}

/** Of bytes or of events: the first chunk is read ahead to see. */
function fromStream(source: Source<unknown>): Answer {
  let first: Promise<IteratorResult<unknown, unknown>> | null = null;
  let taken: "ahead" | "given" = "ahead";
  const peek = async (): Promise<IteratorResult<unknown, unknown>> => (first ??= source.next());
  const whole: Source<unknown> = {
    next: async () => {
      const step = taken === "ahead" ? await peek() : await source.next();
      taken = "given";
      return step;
    },
    return: async () => source.return(),
  };
  const ofBytes = byteChunks(whole);
  const ofEvents = eventChunks(whole);
  const inBytes = async (): Promise<boolean> => {
    const step = await peek();
    return step.done === true || isBytes(step.value);
  };
  return {
    head: async () => ((await inBytes()) ? bytesHead : eventsHead),
    source: { next: async () => ((await inBytes()) ? ofBytes.next() : ofEvents.next()), return: async () => source.return() },
  };
}

function sequenceSource(sequence: EventSequence): Source<unknown> {
  const iterator = Symbol.asyncIterator in sequence ? sequence[Symbol.asyncIterator]() : sequence[Symbol.iterator]();
  return {
    next: async () => iterator.next(),
    return: async () => {
      await iterator.return?.();
    },
  };
}

/** By its shape: a bundle may bring a `Response` of its own. */
function isResponse(value: unknown): value is Response {
  return has(value, "status", "number") && has(value, "headers", "object") && "body" in value && "bodyUsed" in value;
}

function isWebStream(value: unknown): value is WebStream {
  return has(value, "getReader", "function") && "locked" in value;
}

/** A string is iterable too, character by character, which nobody means. */
function isSequence(value: unknown): value is EventSequence {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

function has(value: unknown, name: string, type: "number" | "object" | "function"): value is object {
  return typeof value === "object" && value !== null && name in value && typeof Reflect.get(value, name) === type;
}

function refused(why: string): LongstreamError {
  return new LongstreamError("bad-handler-result", `Cannot stream the handler's answer: ${why}`);
}
