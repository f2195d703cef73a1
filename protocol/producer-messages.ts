/** Owns the JSON control messages of the producer socket, in both directions. */

import { LongstreamError, isErrorCode } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";
import { isDigest } from "./hash.ts";
import { JsonReader } from "./json.ts";
import { limits } from "./limits.ts";
import { isOutcome } from "./sse.ts";
import type { Outcome, StreamFailure } from "./sse.ts";

export type HeaderPairs = readonly (readonly [string, string])[];

/**
 * What the log is a list of, decided by the stream's first head: server-sent events, or single bytes. In bytes mode a
 * seq is the 1-based position of a byte, so that a log does not depend on how a body was cut into chunks.
 */
const modes = ["events", "bytes"] as const;
export type Mode = (typeof modes)[number];

/** What a handler answered before its body. */
export interface ResponseHead {
  /** 200 to 599. */
  readonly status: number;
  readonly headers: HeaderPairs;
  readonly mode: Mode;
}

/** State a handler stored, bound to the event it follows. */
export interface Checkpoint {
  readonly seq: number;
  /** Rolling hash at `seq`, from which a replay goes on. */
  readonly digest: string;
  /** JSON text. */
  readonly state: string;
}

/** Where the log stands, for an attempt that goes on from it. */
export interface ResumePoint {
  readonly seq: number;
  readonly digest: string;
  readonly sourceId: string;
  readonly checkpoint: Checkpoint | null;
}

/** The client's request, without its body, which follows as binary frames up to `body-end` or `body-failed`. */
export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderPairs;
  /** Null while it is on its way. */
  readonly bodyBytes: number | null;
}

/** Lambda to object. */
export type ToObject =
  | ({ readonly type: "head" } & ResponseHead)
  | ({ readonly type: "checkpoint" } & Checkpoint)
  | { readonly type: "handover" }
  | { readonly type: "ready" }
  | { readonly type: "yield"; readonly seq: number }
  /** Send me the request body from an offset, up to another. */
  | { readonly type: "pull"; readonly from: number; readonly upTo: number }
  | { readonly type: "end"; readonly seq: number; readonly outcome: "completed" | "failed"; readonly error: StreamFailure | null };

/** Object to Lambda. */
export type ToProducer =
  | {
      readonly type: "welcome";
      readonly attempt: number;
      readonly role: "active" | "standby";
      readonly resume: ResumePoint | null;
      readonly request: RequestHead;
      /** Bytes that may be unacknowledged. */
      readonly window: number;
      /** Silence after which the object takes the producer for dead. */
      readonly leaseMs: number;
      /** How long an event may wait for others before it is committed. */
      readonly commitIntervalMs: number;
    }
  | { readonly type: "body-end"; readonly bytes: number }
  | ({ readonly type: "body-failed" } & StreamFailure)
  | { readonly type: "ack"; readonly seq: number; readonly checkpoint: number | null }
  | { readonly type: "promote"; readonly resume: ResumePoint }
  | { readonly type: "yield"; readonly withinMs: number }
  | { readonly type: "cancel"; readonly reason: string };

/** Sent by the producer as is and answered by the runtime of the object without waking it. */
export const ping = "ping";
export const pong = "pong";

export function encodeMessage(message: ToObject | ToProducer): string {
  return JSON.stringify(message);
}

/** @throws LongstreamError `protocol-error` or `frame-too-large`, naming what is wrong. */
export function parseToObject(text: string): ToObject {
  const reader = open(text, "the producer's message");
  const type = reader.oneOf("type", ["head", "checkpoint", "handover", "ready", "yield", "pull", "end"]);
  switch (type) {
    // {"type":"head","status":200,"headers":[["x-a","1"]],"mode":"events"}
    case "head":
      return { type, ...readHead(reader) };
    // {"type":"checkpoint","seq":7,"digest":"00112233aabbccdd","state":"{\"n\":7}"}
    case "checkpoint":
      return { type, ...readCheckpoint(reader) };
    // {"type":"handover"} | {"type":"ready"}
    case "handover":
    case "ready":
      return { type };
    // {"type":"yield","seq":7}
    case "yield":
      return { type, seq: reader.integer("seq") };
    // {"type":"pull","from":262144,"upTo":524288}
    case "pull":
      return { type, from: reader.integer("from"), upTo: reader.integer("upTo") };
    // {"type":"end","seq":9,"outcome":"failed","error":{"code":"handler-failed","message":"..."}}
    case "end":
      return {
        type,
        seq: reader.integer("seq"),
        outcome: reader.oneOf("outcome", ["completed", "failed"]),
        error: reader.optional("error", readFailure),
      };
  }
}

/** @throws LongstreamError `protocol-error`, naming what is wrong. */
export function parseToProducer(text: string): ToProducer {
  const reader = open(text, "the object's message");
  const type = reader.oneOf("type", ["welcome", "body-end", "body-failed", "ack", "promote", "yield", "cancel"]);
  switch (type) {
    // {"type":"welcome","attempt":1,"role":"active","resume":null,"request":{...},"window":262144,"leaseMs":30000,"commitIntervalMs":50}
    case "welcome":
      return {
        type,
        attempt: reader.integer("attempt", 1),
        role: reader.oneOf("role", ["active", "standby"]),
        resume: reader.optional("resume", readResume),
        request: readRequest(reader.object("request")),
        window: reader.integer("window", 1),
        leaseMs: reader.integer("leaseMs", 1),
        commitIntervalMs: reader.integer("commitIntervalMs"),
      };
    // {"type":"body-end","bytes":1024}
    case "body-end":
      return { type, bytes: reader.integer("bytes") };
    // {"type":"body-failed","code":"upload-broken","message":"..."}
    case "body-failed":
      return { type, ...toFailure(reader) };
    // {"type":"ack","seq":7,"checkpoint":5}
    case "ack":
      return { type, seq: reader.integer("seq"), checkpoint: reader.optional("checkpoint", readSeq) };
    // {"type":"promote","resume":{"seq":7,"digest":"...","sourceId":"","checkpoint":null}}
    case "promote":
      return { type, resume: readResume(reader, "resume") };
    // {"type":"yield","withinMs":2000}
    case "yield":
      return { type, withinMs: reader.integer("withinMs") };
    // {"type":"cancel","reason":"..."}
    case "cancel":
      return { type, reason: reader.string("reason") };
  }
}

/** A stored failure, or one off the wire. An unknown code is kept as what it certainly is. */
export function readFailure(parent: JsonReader, field: string): StreamFailure {
  return toFailure(parent.object(field));
}

function toFailure(reader: JsonReader): StreamFailure {
  const code = reader.string("code");
  return {
    code: isErrorCode(code) ? code : ("handler-failed" satisfies ErrorCode),
    message: reader.string("message").slice(0, limits.maxErrorChars),
  };
}

export function readOutcome(reader: JsonReader, field: string): Outcome {
  const text = reader.string(field);
  if (!isOutcome(text)) throw reader.bad(field, "an outcome");
  return text;
}

/** @throws LongstreamError `checkpoint-too-large`. */
export function checkCheckpointBytes(state: string): void {
  const byteLength = new TextEncoder().encode(state).length;
  if (byteLength <= limits.maxCheckpointBytes) return;
  throw new LongstreamError(
    "checkpoint-too-large",
    `Cannot store a checkpoint of ${byteLength} bytes: the limit is ${limits.maxCheckpointBytes}; store a key to it instead`,
  );
}

function open(text: string, what: string): JsonReader {
  if (text.length > limits.maxControlChars) {
    throw new LongstreamError(
      "frame-too-large",
      `Cannot read ${what}: it has ${text.length} characters, and the limit is ${limits.maxControlChars}`,
    );
  }
  return JsonReader.parse(text, what);
}

/** A head that was stored, or one off the wire. */
export function readHead(reader: JsonReader): ResponseHead {
  const status = reader.integer("status", 200);
  if (status > 599) throw reader.bad("status", "an HTTP status");
  return { status, headers: reader.pairs("headers"), mode: reader.oneOf("mode", modes) };
}

function readCheckpoint(reader: JsonReader): Checkpoint {
  const checkpoint = { seq: reader.integer("seq"), digest: readDigest(reader, "digest"), state: reader.string("state") };
  checkCheckpointBytes(checkpoint.state);
  return checkpoint;
}

function readResume(parent: JsonReader, field: string): ResumePoint {
  const reader = parent.object(field);
  return {
    seq: reader.integer("seq"),
    digest: readDigest(reader, "digest"),
    sourceId: reader.string("sourceId"),
    checkpoint: reader.optional("checkpoint", (inner, name) => readCheckpoint(inner.object(name))),
  };
}

function readRequest(reader: JsonReader): RequestHead {
  return {
    method: reader.string("method"),
    url: reader.string("url"),
    headers: reader.pairs("headers"),
    bodyBytes: reader.optional("bodyBytes", readSeq),
  };
}

function readSeq(reader: JsonReader, field: string): number {
  return reader.integer(field);
}

function readDigest(reader: JsonReader, field: string): string {
  const digest = reader.string(field);
  if (!isDigest(digest)) throw reader.bad(field, "16 hexadecimal digits");
  return digest;
}
