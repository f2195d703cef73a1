/** Owns how a log becomes a body: as server-sent events, or as the bytes it is made of. */

import type { ConsumerEnd, ConsumerStart, EventsFrame } from "../protocol/consumer-frames.ts";
import { formatCursor } from "../protocol/cursor.ts";
import type { ResetReason } from "../protocol/cursor.ts";
import { endEvent, heartbeat, preamble, resetComment, resetEvent } from "../protocol/sse.ts";

/** What is written around a log's own bytes. */
export interface BodyFormat {
  /** At the start of the body. */
  opening(start: ConsumerStart): string;
  /** What of a frame this reader gets. */
  cut(frame: EventsFrame): Uint8Array;
  /** Behind the last event. */
  closing(end: ConsumerEnd, log: string): string;
  /** After silence; empty where the format has no place for it. */
  readonly heartbeat: string;
  /** Seq after which the body is whole, whatever follows; null where only the stream's end is the end. */
  readonly until: number | null;
}

export interface EventFormatOptions {
  readonly retryMs: number;
  /** Whether the client may be sent `longstream.*` events, or only comments. */
  readonly controls: "events" | "comments";
  /** Set when the reader's cursor led to another stream than it was of. */
  readonly reset: ResetReason | null;
}

export function eventFormat({ retryMs, controls, reset }: EventFormatOptions): BodyFormat {
  return {
    opening: (start) => {
      const begin = preamble(retryMs, start.log, start.seq);
      const reason = reset ?? start.reset;
      if (reason === null) return begin;
      const told = { reason, first: formatCursor(start.log, start.seq) };
      return begin + (controls === "events" ? resetEvent(told) : resetComment(told));
    },
    cut: ({ bytes }) => bytes,
    closing: ({ seq, outcome, error }, log) => (controls === "events" ? endEvent(log, seq, outcome, error) : ""),
    heartbeat,
    until: null,
  };
}

/** `until`: the position behind the last byte that was asked for. */
export function byteFormat(until: number | null): BodyFormat {
  return {
    opening: () => "",
    cut: ({ firstSeq, lastSeq, bytes }) => (until !== null && lastSeq > until ? bytes.subarray(0, Math.max(0, until - firstSeq + 1)) : bytes),
    closing: () => "",
    heartbeat: "",
    until,
  };
}
