/** Owns the sequence of connections by which one log is read: each item once and in order, whatever breaks (P2). */

import type { EventSourceMessage } from "eventsource-parser";
import { controlEvents, heartbeat } from "../protocol/sse.ts";
import { itemsOf } from "./body.ts";
import type { Bytes, Item } from "./body.ts";
import { Drop } from "./failures.ts";
import { advance, placeOf } from "./place.ts";
import type { Place } from "./place.ts";
import type { Pace } from "./reconnect.ts";
import type { Requests } from "./requests.ts";
import type { StreamEvent } from "./types.ts";
import { readEnding, readReset } from "./wire.ts";
import type { Ending } from "./wire.ts";

/** One thing to deliver, and the place behind it; nothing but the place where a connection proved that it held. */
export interface News {
  readonly place: Place;
  readonly event?: StreamEvent;
  readonly bytes?: Bytes;
  readonly end?: Ending;
}

/**
 * Nothing follows an end.
 *
 * @throws LongstreamError when reading cannot go on; the signal's reason; what `onState` threw.
 */
export async function* readLog(
  requests: Requests,
  from: string | null,
  pace: Pace,
  signal: AbortSignal,
  onState: (state: "open" | "reconnecting") => void,
): AsyncGenerator<News, never> {
  let place = placeOf(from);
  for (let failures = 0; ; ) {
    try {
      const body = await requests.connect(place, signal);
      if (body !== null) {
        onState("open");
        for await (const item of itemsOf(body, requests.kind, pace, signal)) {
          const news = admit(place, item);
          if (news === null) continue;
          place = news.place;
          // The next try is the first of a new row.
          failures = -1;
          yield news;
        }
      }
      yield { place, end: await judge(requests, place, signal) };
    } catch (error) {
      if (error instanceof Drop) onState("reconnecting");
      failures = await pace.again(error, failures, signal);
    }
  }
}

/** Null for a duplicate. */
function admit(place: Place, item: Item): News | null {
  if (item === heartbeat) return { place };
  if (item instanceof Error) throw item;
  return item instanceof Uint8Array ? { place: placeOf(String(place.seq + item.length)), bytes: item } : admitEvent(place, item);
}

function admitEvent(place: Place, { id, event = "message", data }: EventSourceMessage): News | null {
  switch (event) {
    // event: longstream.reset
    // data: {"reason":"foreign","first":"abc-0"}
    case controlEvents.reset: {
      const { reason, first } = readReset(data);
      return { place: placeOf(first), event: { id: first, event, data, reset: { reason, first, cursor: place.cursor } } };
    }
    // event: longstream.end
    // data: {"outcome":"failed","error":{"code":"handler-failed","message":"..."}}
    // id: abc-9
    case controlEvents.end:
      return { place: advance(place, 0, id), end: readEnding(data) };
    default: {
      const next = advance(place, 1, id);
      return next.seq > place.seq ? { place: next, event: { id: next.cursor, event, data } } : null;
    }
  }
}

/**
 * A clean end is what a proxy makes of a cut as well: only the status can say that the stream has ended (P3), and
 * only the last seq that everything was delivered.
 */
async function judge(requests: Requests, { seq }: Place, signal: AbortSignal): Promise<Ending> {
  const end = readEnding(await requests.status(signal));
  if (end.outcome === null || end.lastSeq !== seq) throw new Drop("Cannot read on: the answer ended before the stream");
  return end;
}
