/** Owns the contender resumable-stream: a Node server whose own memory holds the stream, and Redis to ask it for a replay. */

import type { Contender, Feed, From, Reading, Running } from "./contender.ts";
import { startPeer } from "./peer-process.ts";
import { openSocketProducer } from "./socket-producer.ts";
import { openSse } from "./sse.ts";

/** A stream lives with the process that makes it, and cannot be read any more once it has ended. */
export const resumableStream: Contender = { name: "resumable-stream", keeps: "memory", needs: "packages and redis", cannot: {}, start };

const maxBatchChars = 64 * 1_024;

async function start(dir: string): Promise<Running> {
  const peer = await startPeer({ package: "resumable-stream", script: "resumable-stream.ts", args: [dir] });
  return {
    pids: peer.pids,
    produce: async (stream) => openSocketProducer(new URL(`/${stream}/produce`, peer.url.href.replace("http", "ws")), maxBatchChars),
    read: async (stream, from, take, feed) => read(new URL(`/${stream}/read`, peer.url), from, take, feed),
    close: async () => peer.close(),
  };
}

/** Its resume position is how many characters of the stream a reader has. */
async function read(from: URL, position: From, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  let charsTaken = position === "start" ? 0 : Number(position.behind);
  const url = new URL(from);
  if (position !== "start") url.searchParams.set("resumeAt", position.behind);
  const body = await openSse({
    url,
    feed,
    take: ({ data, chars }) => {
      charsTaken += chars;
      take(data);
    },
  });
  return {
    get position() {
      return charsTaken === 0 ? "" : String(charsTaken);
    },
    lost: body.lost,
    drop: () => body.drop(),
  };
}
