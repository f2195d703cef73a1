/** Owns where a reader is in the log, and the assertion that every event is the next one (P2). */

import { parseCursor, parseFrom } from "../protocol/cursor.ts";
import { failure } from "./failures.ts";

export interface Place {
  /** Null until an id has named it, and in a log of bytes. */
  readonly log: string | null;
  /** The next event, or byte, is `seq + 1`. */
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
  return {
    log: from.kind === "cursor" ? from.log : null,
    seq: "seq" in from ? from.seq : 0,
    cursor: from.kind === "unknown" ? from.kind : text || null,
  };
}

/**
 * The place that `id` names: of the event `ahead` (0 or 1) of this one, or of one seen before.
 *
 * @throws LongstreamError `protocol-error` for an id that is no cursor of this log, `seq-gap` when events are missing.
 */
export function advance(place: Place, ahead: 0 | 1, id = "none"): NamedPlace {
  const next = parseCursor(id);
  if (next === undefined || next.log !== (place.log ?? next.log)) {
    throw failure("protocol-error", "place an event", `its id ${id} is not of this stream`);
  }
  const most = place.seq + ahead;
  if (next.seq > most) throw failure("seq-gap", "go on", `event ${next.seq} came where ${most} is due`);
  return { ...next, cursor: id };
}
