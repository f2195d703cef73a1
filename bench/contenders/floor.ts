/** Owns the contenders that show what the platform itself costs: a stream passed through an object that keeps nothing. */

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { startEdge } from "../support/edge-host.ts";
import type { Contender, Feed, Producing, Reading, Running } from "./contender.ts";
import { openSse } from "./sse.ts";

const keepsNothing = "keeps nothing";

export const floor: Contender = {
  name: "floor",
  keeps: "nowhere",
  needs: "nothing",
  cannot: { "catch-up": keepsNothing, "client-drop": keepsNothing, idle: "sse-in-object stands for it" },
  start: async () => start("relayed"),
};

const onlyIdle = "only there to be compared at idle";

/** The same object, with the readers' responses held in it in place of the Worker. */
export const sseInObject: Contender = {
  name: "sse-in-object",
  keeps: "nowhere",
  needs: "nothing",
  cannot: {
    "single-event": onlyIdle,
    "full-speed": onlyIdle,
    "many-streams": onlyIdle,
    "many-readers": onlyIdle,
    "catch-up": keepsNothing,
    "client-drop": keepsNothing,
  },
  start: async () => start("held"),
};

async function start(way: "relayed" | "held"): Promise<Running> {
  const host = await startEdge(fileURLToPath(new URL("../edge/floor.ts", import.meta.url)), "FloorObject");
  return {
    pids: [host.pid],
    produce: async (stream) => produce(new URL(`/${stream}/produce`, host.url)),
    read: async (stream, _from, take, feed) => read(new URL(`/${stream}/${way}`, host.url), take, feed),
    close: async () => host.close(),
  };
}

/** Bytes that may wait in this process. There is nothing else to hold a producer back. */
const windowBytes = 256 * 1_024;
const pollMs = 1;

async function produce(url: URL): Promise<Producing> {
  url.protocol = "ws:";
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  const drained = async (bytes: number): Promise<void> => {
    while (socket.bufferedAmount > bytes) await sleep(pollMs);
  };
  return {
    write: async (events) => {
      socket.send(Buffer.from(events.map((event) => `data: ${event}\n\n`).join(""), "utf8"));
      await drained(windowBytes);
    },
    settled: async () => drained(0),
  };
}

async function read(url: URL, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  const body = await openSse({
    url,
    feed,
    take: ({ data }) => {
      if (data !== "") take(data);
    },
  });
  return { position: "", lost: body.lost, drop: () => body.drop() };
}
