/** Owns what travels on a consumer socket between Worker and object; tolerant of one version of skew (deploys overlap). */

import { ByteReader, varintBytes, writeVarint } from "./bytes.ts";
import type { From, ResetReason } from "./cursor.ts";
import { isResetReason } from "./cursor.ts";
import { LongstreamError } from "./errors.ts";
import { JsonReader } from "./json.ts";
import { readFailure, readHead, readOutcome } from "./producer-messages.ts";
import type { ResponseHead } from "./producer-messages.ts";
import type { ByteRange, Extent } from "./range.ts";
import type { Outcome, StreamFailure } from "./sse.ts";

/** Asked of the object with the upgrade, as JSON in one header. */
export interface ConsumeRequest {
  /** Where a reader of events starts, and in either mode where a body goes on that is open already. */
  readonly from: From;
  /** What a reader of bytes asks for. */
  readonly range: ByteRange | null;
  /** Follow the log as it grows, or end where it ends now. */
  readonly follow: "live" | "stored";
  /** The route a gateway request came by: a stream of another route is not resumed by it. */
  readonly route: string | null;
  /** `again`: the Worker lost the socket under an open response, so that even the bare end is worth a socket. */
  readonly opening: "first" | "again";
}

/** The first message to a reader who gets a body; it comes once the handler's head is known. */
export interface ConsumerStart {
  readonly type: "start";
  readonly log: string;
  /** The reader's position: the first event that follows is `seq + 1`. */
  readonly seq: number;
  /** Log bytes before that event. Credit is counted on the same scale. */
  readonly offset: number;
  readonly reset: ResetReason | null;
  readonly head: ResponseHead;
  /** Of a log of bytes, what this reader gets. */
  readonly extent: Extent;
}

/** Without a start before it: the stream ended without a head. */
export interface ConsumerEnd {
  readonly type: "end";
  readonly seq: number;
  readonly outcome: Outcome;
  readonly error: StreamFailure | null;
}

/** Object to Worker, as text; the events between are binary. */
export type ToConsumer =
  | ConsumerStart
  | ConsumerEnd
  /** The end of a read that was not to follow the log; says nothing about the stream. */
  | { readonly type: "stored-end" }
  /** In place of a start: the reader has everything there will ever be. */
  | { readonly type: "complete"; readonly outcome: Outcome }
  /** In place of a start: nothing of the range is there; nor will it be, when there is an outcome. */
  | { readonly type: "unsatisfiable"; readonly bytes: number; readonly outcome: Outcome | null };

/** Worker to object: the log offset up to which it may send. Absolute, so that a repeated grant changes nothing. */
export interface Credit {
  readonly type: "credit";
  readonly upTo: number;
}

/** A run of whole events as clients receive them. */
export interface EventsFrame {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Log offset of the first byte of `bytes`. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const version = 1;

/** `version, varint firstSeq, varint count - 1, varint offset, bytes`. */
export function encodeEventsFrame(frame: EventsFrame): Uint8Array<ArrayBuffer> {
  const count = frame.lastSeq - frame.firstSeq;
  const head = 1 + varintBytes(frame.firstSeq) + varintBytes(count) + varintBytes(frame.offset);
  const bytes = new Uint8Array(head + frame.bytes.length);
  bytes[0] = version;
  let at = writeVarint(bytes, 1, frame.firstSeq);
  at = writeVarint(bytes, at, count);
  at = writeVarint(bytes, at, frame.offset);
  bytes.set(frame.bytes, at);
  return bytes;
}

export function decodeEventsFrame(frame: Uint8Array): EventsFrame {
  const reader = new ByteReader(frame, "the events frame");
  const found = reader.byte("version");
  if (found !== version) {
    throw new LongstreamError("protocol-error", `Cannot read the events frame: its version is ${found}, not ${version}`);
  }
  const firstSeq = reader.varint("first seq");
  const lastSeq = firstSeq + reader.varint("count");
  if (!Number.isSafeInteger(lastSeq)) throw new LongstreamError("protocol-error", "Cannot read the events frame: its last seq is over 2^53 - 1");
  return { firstSeq, lastSeq, offset: reader.varint("offset"), bytes: reader.rest() };
}

export function parseConsumeRequest(text: string): ConsumeRequest {
  const reader = JsonReader.parse(text, "the consume request");
  return {
    from: readFrom(reader.object("from")),
    range: reader.optional("range", (inner, field) => readRange(inner.object(field))),
    follow: reader.oneOf("follow", ["live", "stored"]),
    route: reader.optional("route", (inner, field) => inner.string(field)),
    opening: reader.oneOf("opening", ["first", "again"]),
  };
}

function readFrom(reader: JsonReader): From {
  const kind = reader.oneOf("kind", ["start", "cursor", "seq", "unknown"]);
  switch (kind) {
    case "start":
    case "unknown":
      return { kind };
    case "seq":
      return { kind, seq: reader.integer("seq") };
    case "cursor":
      return { kind, log: reader.string("log"), seq: reader.integer("seq") };
  }
}

function readRange(reader: JsonReader): ByteRange {
  const kind = reader.oneOf("kind", ["from", "suffix"]);
  if (kind === "suffix") return { kind, length: reader.integer("length") };
  return { kind, first: reader.integer("first"), last: reader.optional("last", readInteger) };
}

function readExtent(reader: JsonReader): Extent {
  const kind = reader.oneOf("kind", ["whole", "part"]);
  if (kind === "whole") return { kind, bytes: reader.optional("bytes", readInteger) };
  const [last, total] = [reader.optional("last", readInteger), reader.optional("total", readInteger)];
  return { kind, first: reader.integer("first"), last, total };
}

function readInteger(reader: JsonReader, field: string): number {
  return reader.integer(field);
}

export function parseToConsumer(text: string): ToConsumer {
  const reader = JsonReader.parse(text, "the object's message");
  const type = reader.oneOf("type", ["start", "end", "stored-end", "complete", "unsatisfiable"]);
  switch (type) {
    case "start":
      return {
        type,
        log: reader.string("log"),
        seq: reader.integer("seq"),
        offset: reader.integer("offset"),
        reset: reader.optional("reset", readReset),
        head: readHead(reader.object("head")),
        extent: readExtent(reader.object("extent")),
      };
    case "end":
      return {
        type,
        seq: reader.integer("seq"),
        outcome: readOutcome(reader, "outcome"),
        error: reader.optional("error", readFailure),
      };
    case "stored-end":
      return { type };
    case "complete":
      return { type, outcome: readOutcome(reader, "outcome") };
    case "unsatisfiable":
      return { type, bytes: reader.integer("bytes"), outcome: reader.optional("outcome", readOutcome) };
  }
}

export function parseCredit(text: string): Credit {
  const reader = JsonReader.parse(text, "the Worker's message");
  return { type: reader.oneOf("type", ["credit"]), upTo: reader.integer("upTo") };
}

function readReset(reader: JsonReader, field: string): ResetReason {
  const text = reader.string(field);
  if (!isResetReason(text)) throw reader.bad(field, "a reset reason");
  return text;
}
