/** Owns the binary frame that carries a producer's events to the object. */

import { ByteReader, varintBytes, writeVarint } from "./bytes.ts";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { Mode } from "./producer-messages.ts";

const version = 1;
const digestBytes = 8;

/** What one attempt produced from `firstSeq` on. */
export interface DataFrame {
  readonly firstSeq: number;
  /** The rolling hash after the last event of the frame. */
  readonly digest: string;
  /** The handler's own SSE id as of the last event of the frame; empty when it had none. */
  readonly sourceId: string;
  /** In events mode the SSE lines of each event, without id and without the blank line; in bytes mode runs of bytes. */
  readonly payloads: readonly Uint8Array[];
}

/** A frame whose payloads were checked for the mode of its log. */
export interface ReceivedFrame extends DataFrame {
  readonly mode: Mode;
  readonly lastSeq: number;
}

/** Seqs a payload takes. */
export function seqsOf(mode: Mode, payload: Uint8Array): number {
  return mode === "events" ? 1 : payload.length;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `version, varint firstSeq, 8 bytes digest, varint length + sourceId, (varint length + payload)*`. */
export function encodeDataFrame(frame: DataFrame): Uint8Array<ArrayBuffer> {
  const sourceId = encoder.encode(frame.sourceId);
  const head = 1 + varintBytes(frame.firstSeq) + digestBytes + varintBytes(sourceId.length) + sourceId.length;
  const length = frame.payloads.reduce((sum, payload) => sum + varintBytes(payload.length) + payload.length, head);
  const bytes = new Uint8Array(length);
  bytes[0] = version;
  let at = writeVarint(bytes, 1, frame.firstSeq);
  for (let i = 0; i < digestBytes; i++) bytes[at++] = Number.parseInt(frame.digest.slice(2 * i, 2 * i + 2), 16);
  at = writeVarint(bytes, at, sourceId.length);
  bytes.set(sourceId, at);
  at += sourceId.length;
  for (const payload of frame.payloads) {
    at = writeVarint(bytes, at, payload.length);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}

/**
 * Payloads are views of `bytes`.
 *
 * @throws LongstreamError `protocol-error`, `frame-too-large` or `event-too-large`.
 */
export function decodeDataFrame(bytes: Uint8Array, mode: Mode): ReceivedFrame {
  if (bytes.length > limits.maxFrameBytes) {
    throw new LongstreamError(
      "frame-too-large",
      `Cannot read a data frame of ${bytes.length} bytes: the limit is ${limits.maxFrameBytes}`,
    );
  }
  const reader = new ByteReader(bytes, "the data frame");
  const found = reader.byte("version");
  if (found !== version) throw unreadable(`its version is ${found}, and this gateway reads ${version}`);
  const firstSeq = reader.varint("first seq");
  if (firstSeq < 1) throw unreadable("its first seq is 0, and seqs start at 1");
  const digest = toHex(reader.take(digestBytes, "digest"));
  const sourceId = readText(reader, "source id", limits.maxSourceIdBytes);
  const payloads: Uint8Array[] = [];
  let lastSeq = firstSeq - 1;
  while (!reader.done) {
    const payload = mode === "events" ? readEvent(reader, lastSeq + 1) : readRun(reader);
    payloads.push(payload);
    lastSeq += seqsOf(mode, payload);
  }
  if (payloads.length === 0) throw unreadable("it carries no event");
  if (!Number.isSafeInteger(lastSeq)) throw unreadable("its last seq is over 2^53 - 1");
  return { mode, firstSeq, lastSeq, digest, sourceId, payloads };
}

function readRun(reader: ByteReader): Uint8Array {
  const length = reader.varint("run length");
  if (length === 0) throw unreadable("it carries an empty run of bytes");
  return reader.take(length, "run");
}

function readEvent(reader: ByteReader, seq: number): Uint8Array {
  const length = reader.varint("event length");
  if (length > limits.maxEventBytes) {
    throw new LongstreamError(
      "event-too-large",
      `Cannot store event ${seq}: it has ${length} bytes, and the limit is ${limits.maxEventBytes}`,
    );
  }
  const payload = reader.take(length, "event");
  checkLines(payload, seq);
  return payload;
}

const lf = 10;
const cr = 13;

/** A payload is whole lines; a CR, or an empty line, would end the event early for every reader of the log. */
function checkLines(payload: Uint8Array, seq: number): void {
  if (payload[0] === lf || payload[payload.length - 1] !== lf) {
    throw unreadable(`event ${seq} is not lines that end in LF`);
  }
  if (payload.includes(cr)) throw unreadable(`event ${seq} contains a CR`);
  for (let at = payload.indexOf(lf); at !== -1 && at < payload.length - 1; at = payload.indexOf(lf, at + 1)) {
    if (payload[at + 1] === lf) throw unreadable(`event ${seq} contains an empty line`);
  }
}

function readText(reader: ByteReader, field: string, maxBytes: number): string {
  const length = reader.varint(`${field} length`);
  if (length > maxBytes) throw unreadable(`its ${field} has ${length} bytes, and the limit is ${maxBytes}`);
  try {
    return decoder.decode(reader.take(length, field));
  } catch (error) {
    if (error instanceof LongstreamError) throw error;
    throw unreadable(`its ${field} is not UTF-8`);
  }
}

function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function unreadable(why: string): LongstreamError {
  return new LongstreamError("protocol-error", `Cannot read the data frame: ${why}`);
}
