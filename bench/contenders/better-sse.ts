/** Owns the contender better-sse: a Node server that keeps a stream's history in an array and replays it by event id. */

import type { Contender, Feed, From, Reading, Running } from "./contender.ts";
import { startPeer } from "./peer-process.ts";
import { openSocketProducer } from "./socket-producer.ts";
import { openSse } from "./sse.ts";

/** The package has no history; the array is what its `lastId` is for. */
export const betterSse: Contender = { name: "better-sse", keeps: "memory", needs: "packages", cannot: {}, start };

const maxBatchChars = 64 * 1_024;

async function start(): Promise<Running> {
  const peer = await startPeer({ package: "better-sse", script: "better-sse.ts", args: [] });
  return {
    pids: peer.pids,
    produce: async (stream) => openSocketProducer(new URL(`/${stream}/produce`, peer.url.href.replace("http", "ws")), maxBatchChars),
    read: async (stream, from, take, feed) => read(new URL(`/${stream}/read`, peer.url), from, take, feed),
    close: async () => peer.close(),
  };
}

async function read(url: URL, from: From, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  let lastId = from === "start" ? "" : from.behind;
  const body = await openSse({
    url,
    feed,
    cursor: lastId,
    take: ({ id, data }) => {
      // The first block of a session only says when to reconnect, and its keep-alive is a comment.
      if (id === "") return;
      lastId = id;
      // As the package writes it if not told otherwise; text as it is would lose a space at its start.
      take(String(JSON.parse(data)));
    },
  });
  return {
    get position() {
      return lastId;
    },
    lost: body.lost,
    drop: () => body.drop(),
  };
}
