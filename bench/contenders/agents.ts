/** Owns the contender agents: the durable streams of Cloudflare's package, in a Durable Object in workerd. */

import type { Contender, Feed, Reading, Running } from "./contender.ts";
import { startPeer } from "./peer-process.ts";
import { Place } from "./place.ts";
import { openSocketProducer } from "./socket-producer.ts";
import { openSse } from "./sse.ts";
import type { SseBody, SseEvent } from "./sse.ts";

/**
 * `Streams` and `sseResponse`, as its documentation has them. The chat class `ResumableStream` is an adapter of them that
 * replays a stream from its start whatever a reader has, and discards it at its end.
 */
export const agents: Contender = { name: "agents", keeps: "disk", needs: "packages", cannot: {}, start };

/** A batch is one entry of its log, as its documentation advises for fast producers; a row is full at 256 KiB. */
const maxBatchChars = 64 * 1_024;
/** Its ids count from 0, so that no id stands for the place before the first. */
const wholeStream = "";

async function start(dir: string): Promise<Running> {
  const peer = await startPeer({ package: "agents", script: "agents.ts", args: [dir] });
  return {
    pids: peer.pids,
    produce: async (stream) => openSocketProducer(new URL(`/${stream}/produce`, peer.url.href.replace("http", "ws")), maxBatchChars),
    read: async (stream, from, take, feed) => read(new URL(`/${stream}/read`, peer.url), new Place(from === "start" ? "" : from.behind, wholeStream), take, feed),
    close: async () => peer.close(),
  };
}

async function read(url: URL, place: Place, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  const onEvent = ({ id, data }: SseEvent, source: SseBody): void => {
    // Heartbeats are comments; "up-to-date" is for pages.
    if (id === "") return;
    const chunk: unknown = JSON.parse(data);
    for (const event of Array.isArray(chunk) ? chunk : []) {
      if (source.dropped) return;
      if (place.step() === "new") take(String(event));
    }
    place.moveTo(id);
  };
  const body = await openSse({ url, cursor: place.token, take: onEvent, feed });
  return {
    get position() {
      return place.toString();
    },
    lost: body.lost,
    drop: () => body.drop(),
  };
}
