/** Owns where a reader is in the log, and the assertion that every event is the next one (P2). */

import { parseCursor, parseFrom } from "../protocol/cursor.ts";
import { badId, seqGap } from "./failures.ts";

export interface Place {
  /** Null until an id has named it. */
  readonly log: string | null;
  /** The next event is `seq + 1`. */
  readonly seq: number;
  /** What a request for the next event carries; null at the start. */
  readonly cursor: string | null;
}

/** A place that an id has named. */
interface NamedPlace extends Place {
  readonly cursor: string;
}

/** Text that is no cursor is replaced: a header could not carry all of it, and the answer is the same, a reset. */
export function placeOf(text: string | null): Place {
  const from = parseFrom(text);
  switch (from.kind) {
    case "start":
      return { log: null, seq: 0, cursor: null };
    case "unknown":
      return { log: null, seq: 0, cursor: "unknown" };
    case "seq":
      return { log: null, seq: from.seq, cursor: text };
    case "cursor":
      return { log: from.log, seq: from.seq, cursor: text };
  }
}

/**
 * The place after the event `id`; null for an event that was seen before.
 *
 * @throws LongstreamError `protocol-error` for an id that is no cursor of this log, `seq-gap` when events are missing.
 */
export function advance(place: Place, id: string | undefined): NamedPlace | null {
  const next = ofSameLog(place, id);
  if (next.seq <= place.seq) return null;
  if (next.seq > place.seq + 1) throw seqGap(place.seq + 1, next.seq);
  return next;
}

/**
 * The place at the stream's end, which carries the id of its last event.
 *
 * @throws LongstreamError as `advance` does.
 */
export function finish(place: Place, id: string | undefined): Place {
  const last = ofSameLog(place, id);
  if (last.seq !== place.seq) throw seqGap(place.seq + 1, last.seq);
  return last;
}

function ofSameLog(place: Place, id: string | undefined): NamedPlace {
  const cursor = id === undefined ? undefined : parseCursor(id);
  if (id === undefined || cursor === undefined) throw badId(id);
  if (place.log !== null && place.log !== cursor.log) throw badId(id);
  return { ...cursor, cursor: id };
}
