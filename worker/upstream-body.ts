/** Owns turning an upstream's body into the frames of its log: server-sent events, or runs of bytes. */

import { createParser } from "eventsource-parser";
import { seqsOf } from "../protocol/data-frame.ts";
import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { RollingHash } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import type { Mode } from "../protocol/producer-messages.ts";
import { checkEventBytes, eventLines } from "../protocol/sse.ts";
import { sequencePlace, strayEvent } from "./upstream-resume.ts";
import type { Resumption } from "./upstream-resume.ts";
import type { ResumeWay } from "./upstream-target.ts";

/** An event, or a run of bytes, and what it says of its place. */
export interface Piece {
  readonly payload: Uint8Array;
  readonly place: string;
}

/** What came of a chunk: whole pieces, and what is wrong with the one behind them. */
export interface PiecesRead {
  readonly pieces: readonly Piece[];
  readonly failure: LongstreamError | null;
}

/** Takes a body as it comes, up to its first failure. */
export type PieceReader = (chunk: Uint8Array) => PiecesRead;

export function bytePieces(chunk: Uint8Array): PiecesRead {
  const pieces: Piece[] = [];
  for (let at = 0; at < chunk.length; at += limits.frameBytes) pieces.push({ payload: chunk.subarray(at, at + limits.frameBytes), place: "" });
  return { pieces, failure: null };
}

const encoder = new TextEncoder();

/**
 * Comments and `retry` are not kept: the gateway has its own. An event that no blank line ends is none (WHATWG HTML,
 * section 9.2.6).
 *
 * A failure is `bad-event`, `event-too-large`, or `replay-diverged` for an event that is stored.
 */
export function eventPieces(way: ResumeWay, resumption: Resumption): PieceReader {
  let pieces: Piece[] = [];
  let response = resumption.from === "starting-after" ? resumption.response : "";
  // An event's own id alone: whether one before it covers it too is known to the upstream only.
  const placeOf = (id: string, data: string): string => {
    if (way !== "starting-after") return encoder.encode(id).length > limits.maxSourceIdBytes ? "" : id;
    const found = sequencePlace(data, response);
    ({ response } = found);
    return found.place;
  };
  const decoder = new TextDecoder();
  const parser = createParser({
    maxBufferSize: limits.maxEventBytes,
    onEvent: ({ id = "", event, data }) => {
      const place = placeOf(id, data);
      const stray = strayEvent(place, resumption);
      if (stray !== null) throw new LongstreamError("replay-diverged", `Cannot go on with the upstream's answer: ${stray}`);
      const payload = encoder.encode(eventLines(event, data));
      checkEventBytes(payload.length);
      pieces.push({ payload, place });
    },
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw tooLarge();
    },
  });
  return (chunk) => {
    pieces = [];
    try {
      parser.feed(decoder.decode(chunk, { stream: true }));
      return { pieces, failure: null };
    } catch (error) {
      // What came before it goes out, however the body was cut.
      if (error instanceof LongstreamError) return { pieces, failure: error };
      throw error;
    }
  };
}

/** Where a log stands. */
export interface LogPoint {
  readonly seq: number;
  readonly digest: string;
}

/** An id line is written behind each event: that many bytes of the row it takes at most. */
const idBytes = 96;

/** Numbers and hashes pieces as the runtime of a function does with what its handler yields. */
export class Framer {
  readonly #mode: Mode;
  readonly #hash: RollingHash;
  #seq: number;

  constructor(mode: Mode, { seq, digest }: LogPoint) {
    this.#mode = mode;
    this.#hash = new RollingHash(mode, digest);
    this.#seq = seq;
  }

  *frames(pieces: readonly Piece[]): Generator<ReceivedFrame> {
    let group: Piece[] = [];
    let byteLength = 0;
    for (const piece of pieces) {
      const taken = piece.payload.length + idBytes;
      if (group.length > 0 && byteLength + taken > limits.frameBytes) {
        yield this.#frame(group);
        group = [];
        byteLength = 0;
      }
      group.push(piece);
      byteLength += taken;
      // The first event has a row of its own, which then says its place.
      if (this.#seq === 0 && this.#mode === "events") byteLength = limits.frameBytes;
    }
    if (group.length > 0) yield this.#frame(group);
  }

  #frame(group: readonly Piece[]): ReceivedFrame {
    const firstSeq = this.#seq + 1;
    const payloads = group.map(({ payload }) => payload);
    for (const payload of payloads) {
      this.#hash.update(payload);
      this.#seq += seqsOf(this.#mode, payload);
    }
    return { mode: this.#mode, firstSeq, lastSeq: this.#seq, digest: this.#hash.digest(), sourceId: group.at(-1)?.place ?? "", payloads };
  }
}

function tooLarge(): LongstreamError {
  return new LongstreamError("event-too-large", `Cannot read the upstream's event stream: an event has over ${limits.maxEventBytes} characters`);
}
