/** Owns the events that are received and not yet committed, already in the bytes their row will have. */

import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { idPrefix } from "../protocol/sse.ts";

/** What a batch becomes when it is committed. */
export interface BatchRow {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly digest: string;
  readonly sourceId: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const initialBytes = 8 * 1024;
/** A seq has at most 16 digits; two line breaks end the event. */
const idTailBytes = 18;
const lf = 10;

export class Batch {
  readonly #idPrefix: Uint8Array;
  #buffer = new Uint8Array(initialBytes);
  #byteLength = 0;
  #firstSeq: number;
  #lastSeq: number;
  #digest: string;
  #sourceId: string;

  /** Goes on behind a durable log end. */
  constructor(log: string, end: { readonly seq: number; readonly digest: string; readonly sourceId: string }) {
    this.#idPrefix = new TextEncoder().encode(idPrefix(log));
    this.#firstSeq = end.seq + 1;
    this.#lastSeq = end.seq;
    this.#digest = end.digest;
    this.#sourceId = end.sourceId;
  }

  /** The highest seq received, durable or not. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Whether `frame` would make the row too large, so that what is here must be committed first. */
  overflowsWith(frame: ReceivedFrame): boolean {
    return this.#byteLength > 0 && this.#byteLength + this.#growth(frame, frame.payloads) > limits.maxRowBytes;
  }

  /**
   * Takes what is new of a frame. What was received already is dropped: a producer resends after a redial.
   *
   * @throws LongstreamError `seq-gap`, `frame-too-large` past a row; nothing is taken then.
   */
  append(frame: ReceivedFrame): void {
    const expected = this.#lastSeq + 1;
    if (frame.firstSeq > expected) {
      throw new LongstreamError("seq-gap", `Cannot store event ${frame.firstSeq}: the expected seq is ${expected}`);
    }
    if (frame.lastSeq < expected) return;
    const known = expected - frame.firstSeq;
    const fresh = frame.mode === "events" ? frame.payloads.slice(known) : withoutFirst(frame.payloads, known);
    const growth = this.#growth(frame, fresh);
    if (growth > limits.maxRowBytes) {
      throw new LongstreamError(
        "frame-too-large",
        `Cannot store a frame whose ${fresh.length} events take ${growth} bytes of the log: send fewer events a frame, for at most ${limits.maxRowBytes}`,
      );
    }
    this.#reserve(growth);
    for (const payload of fresh) {
      if (frame.mode === "events") this.#writeEvent(payload);
      else this.#writeBytes(payload);
    }
    this.#digest = frame.digest;
    this.#sourceId = frame.sourceId;
  }

  /** The row to commit, or null when there is nothing. It stays in the batch until `clear`: a write may fail. */
  row(): BatchRow | null {
    if (this.#byteLength === 0) return null;
    return {
      firstSeq: this.#firstSeq,
      lastSeq: this.#lastSeq,
      digest: this.#digest,
      sourceId: this.#sourceId,
      bytes: this.#buffer.slice(0, this.#byteLength),
    };
  }

  /** What `row` gave is stored. */
  clear(): void {
    this.#firstSeq = this.#lastSeq + 1;
    this.#byteLength = 0;
  }

  #growth({ mode }: ReceivedFrame, payloads: readonly Uint8Array[]): number {
    const perPayload = mode === "events" ? this.#idPrefix.length + idTailBytes : 0;
    return payloads.reduce((sum, payload) => sum + payload.length + perPayload, 0);
  }

  #reserve(growth: number): void {
    const needed = this.#byteLength + growth;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#byteLength));
    this.#buffer = larger;
  }

  /** Lines, then `id: <log>-<seq>`, then the blank line. The digits by hand: this runs once an event. */
  #writeEvent(payload: Uint8Array): void {
    const buffer = this.#buffer;
    let at = this.#byteLength;
    buffer.set(payload, at);
    at += payload.length;
    buffer.set(this.#idPrefix, at);
    at += this.#idPrefix.length;
    const digits = String(++this.#lastSeq);
    for (let i = 0; i < digits.length; i++) buffer[at++] = digits.charCodeAt(i);
    buffer[at++] = lf;
    buffer[at++] = lf;
    this.#byteLength = at;
  }

  #writeBytes(payload: Uint8Array): void {
    this.#buffer.set(payload, this.#byteLength);
    this.#byteLength += payload.length;
    this.#lastSeq += payload.length;
  }
}

/** Runs of bytes without the first `count` of them. */
function withoutFirst(runs: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  return runs.flatMap((run) => {
    const skip = Math.min(left, run.length);
    left -= skip;
    return skip === run.length ? [] : [run.subarray(skip)];
  });
}
