/** Owns the contender @durable-streams/server, with its memory store and with its file store. */

import { Agent, request } from "node:http";
import type { Contender, Feed, Producing, Reading, Running } from "./contender.ts";
import { Outbox } from "./outbox.ts";
import { startPeer } from "./peer-process.ts";
import { Place } from "./place.ts";
import { openSse } from "./sse.ts";
import type { SseBody, SseEvent } from "./sse.ts";

/** The server is what npm has: its makers' reference implementation. For production they offer a Caddy module and a hosted service. */
export const durableStreamsMemory: Contender = { name: "durable-streams memory", keeps: "memory", needs: "packages", cannot: {}, start: async () => start([]) };

/** Each append is followed by fdatasync, then by a commit of its index (LMDB). */
export const durableStreamsFile: Contender = { name: "durable-streams file", keeps: "disk", needs: "packages", cannot: {}, start: async (dir) => start([dir]) };

/** As its own client: at most 1 MB a batch. */
const maxBatchChars = 1_000_000;
const wholeStream = "-1";

async function start(args: readonly string[]): Promise<Running> {
  const peer = await startPeer({ package: "@durable-streams/server", script: "durable-streams.ts", args });
  const agent = new Agent({ keepAlive: true });
  const urlOf = (stream: string): URL => new URL(`/streams/${stream}`, peer.url);
  return {
    pids: peer.pids,
    produce: async (stream) => produce(agent, urlOf(stream)),
    read: async (stream, from, take, feed) => read(urlOf(stream), new Place(from === "start" ? "" : from.behind, wholeStream), take, feed),
    close: async () => {
      agent.destroy();
      await peer.close();
    },
  };
}

/**
 * Its IdempotentProducer's headers, so that a batch may be sent again, with the batching of its `append`: one request at a
 * time, and what comes meanwhile goes with the next. On one machine this took 1.5 to 1.8 times the events of `append` and 1.7 to 2.5
 * times those of the IdempotentProducer, which has up to five requests on their way and waits 5 ms for each to fill.
 */
async function produce(agent: Agent, url: URL): Promise<Producing> {
  await send(agent, "PUT", url, {}, "");
  const producer = { "producer-id": "bench", "producer-epoch": "0" };
  let seq = 0;
  const post = async (body: string): Promise<void> => send(agent, "POST", url, { ...producer, "producer-seq": String(seq++) }, body);
  const outbox = new Outbox({ maxInFlight: 1, maxBatchChars, send: async (events) => post(JSON.stringify(events)) });
  return { write: async (events) => outbox.write(events), settled: async () => outbox.settled() };
}

/** JSON, since only there an append is a list of messages; in the other types it is a run of bytes. */
async function send(agent: Agent, method: string, url: URL, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(url, { agent, method, headers: { "content-type": "application/json", ...headers } }, (response) => {
      response.on("end", () => resolve(response.statusCode)).on("error", reject);
      response.resume();
    });
    sent.on("error", reject).end(body);
  });
  if (status === undefined || status >= 300) throw new Error(`Cannot ${method} ${url.href}: it was answered with ${status}`);
}

/** Its client holds data back until the offset behind it has come; counting makes that needless. */
async function read(from: URL, place: Place, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  const url = new URL(from);
  url.searchParams.set("offset", place.token);
  url.searchParams.set("live", "sse");
  const onEvent = ({ name, data }: SseEvent, source: SseBody): void => {
    const value: unknown = JSON.parse(data);
    if (name === "control") return onControl(value, place);
    for (const event of Array.isArray(value) ? value : []) {
      if (source.dropped) break;
      if (place.step() === "new") take(String(event));
    }
  };
  const body = await openSse({ url, take: onEvent, feed });
  return {
    get position() {
      return place.toString();
    },
    lost: body.lost,
    drop: () => body.drop(),
  };
}

function onControl(control: unknown, place: Place): void {
  if (typeof control !== "object" || control === null) throw new Error("Cannot read a control event: it is no object");
  if ("streamNextOffset" in control && typeof control.streamNextOffset === "string") place.moveTo(control.streamNextOffset);
}
