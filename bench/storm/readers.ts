/** Owns the readers of event streams: the client, an EventSource as browsers have it, and a fetch that keeps its cursor. */

import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { LongstreamError, openStream } from "../../client/index.ts";
import type { LongstreamStream } from "../../client/index.ts";
import type { Random } from "../support/random.ts";
import { connect, discard, readBody } from "./body.ts";
import { SseReader } from "./sse.ts";
import type { Block } from "./sse.ts";
import { isOutcome, objectOf, statusOf } from "./status.ts";
import type { Told, Witness } from "./witness.ts";

export interface Reading {
  readonly gateway: URL;
  readonly witness: Witness;
  readonly random: Random;
  /** Fires when the storm is over: nobody leaves or stalls any more. */
  readonly calm: AbortSignal;
  /** Fires when waiting for an end is given up. */
  readonly stop: AbortSignal;
  /** The answer that created the stream, for the reader who asked for it. */
  readonly first: IncomingMessage | null;
  /** The same, for the client. */
  readonly firstStream: LongstreamStream | null;
  /** The route that created the stream, which resumes it too. */
  readonly route: URL;
}

export async function readByClient({ gateway, witness, random, calm, stop, firstStream }: Reading): Promise<void> {
  const url = new URL(`/streams/${witness.streamId}`, gateway);
  let given = firstStream;
  while (!stop.aborted) {
    const leaveAtSeq = random.chance(0.5) ? witness.seen + Math.ceil(random.next() * 300) : Number.POSITIVE_INFINITY;
    const pauseAtSeq = random.chance(0.4) ? witness.seen + Math.ceil(random.next() * 200) : Number.POSITIVE_INFINITY;
    const pauseMs = random.next() * 5_000;
    witness.connecting("by openStream");
    let left = false;
    const stream = given ?? openStream(url, { signal: stop, from: witness.seen === 0 ? null : witness.cursor });
    given = null;
    try {
      for await (const { id, event, data } of stream) {
        if (event !== "message") witness.violate(`got an event named ${event}`);
        witness.event(id, data);
        if (calm.aborted) continue;
        left = witness.seen >= leaveAtSeq;
        if (left) break;
        if (witness.seen === pauseAtSeq) await sleep(pauseMs, undefined, { signal: calm }).catch(() => undefined);
      }
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof LongstreamError) || error.code !== "attempts-exhausted") return witness.violate(`the client gave up: ${String(error)}`);
      return witness.finish("failed");
    }
    if (stream.outcome !== null) return witness.finish(stream.outcome);
    if (!left) return witness.violate("the iteration ended without an outcome");
    witness.note("left");
  }
}

/** By the standard: it comes back after `retry:` whatever ended the body, until a 204; any other status stops it for good. */
export async function readByEventSource({ gateway, witness, random, calm, stop, first, route }: Reading): Promise<void> {
  let message = first;
  let retryMs = 1_000;
  let lastId = "";
  while (!stop.aborted) {
    if (message === null) {
      // Without any id, the route would begin another stream.
      const url = lastId !== "" && random.chance(0.5) ? route : new URL(`/streams/${witness.streamId}`, gateway);
      witness.connecting(`as an EventSource to ${url.pathname} with ${lastId}`);
      message = await connect(url, { accept: "text/event-stream", ...(lastId === "" ? {} : { "last-event-id": lastId }) });
    }
    if (message !== null) {
      if (message.statusCode === 204) return finishAt204(message, witness);
      if (message.statusCode !== 200) return stopped(message, witness);
      if (message.headers["stream-id"] !== witness.streamId) witness.violate(`was given the stream ${String(message.headers["stream-id"])}`);
      let told: Told | null = null;
      const reader = new SseReader(lastId, {
        onRetry: (ms) => (retryMs = ms),
        onEvent: (block) => (told = takeBlock(block, witness) ?? told),
      });
      const end = await readBody(message, { random, calm, stop, take: (chunk) => reader.feed(chunk) });
      if (end === "clean") checkCleanEnd(told, witness);
      lastId = reader.lastId;
      witness.note(end);
      message = null;
    }
    await sleep(retryMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** Null for all but the end. */
function takeBlock({ id, event, data }: Block, witness: Witness): Told | null {
  if (event === "") {
    witness.event(id, data);
    return null;
  }
  const told = event === "longstream.end" ? toldBy(data) : null;
  if (told === null) witness.violate(`got ${event}: ${data}`);
  else {
    if (id !== witness.cursor) witness.violate(`longstream.end has the id ${id}`);
    witness.tell(told);
  }
  return told;
}

/** With an error where something went wrong, and only there. Null for what says no outcome. */
function toldBy(data: string): Told | null {
  const { outcome, error } = objectOf(parsed(data));
  const { code = null } = objectOf(error);
  if (!isOutcome(outcome) || (code !== null && typeof code !== "string")) return null;
  return (outcome === "completed") === (code === null) ? { outcome, errorCode: code } : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The body of a stream that failed or expired is aborted. */
function checkCleanEnd(told: Told | null, witness: Witness): void {
  if (told === null) witness.violate("a body ended cleanly without longstream.end");
  else if (told.outcome !== "completed" && told.outcome !== "cancelled") witness.violate(`a body ended cleanly behind longstream.end with ${told.outcome}`);
}

function finishAt204(message: IncomingMessage, witness: Witness): void {
  const outcome = message.headers["stream-outcome"];
  discard(message);
  if (isOutcome(outcome)) witness.finish(outcome);
  else witness.violate(`got a 204 with the outcome ${String(outcome)}`);
}

function stopped(message: IncomingMessage, witness: Witness): void {
  witness.violate(`an answer with ${message.statusCode} stopped it for good`);
  discard(message);
}

/** Asks for no control events: only a clean end tells it that this was all. */
export async function readByFetch({ gateway, witness, random, calm, stop }: Reading): Promise<void> {
  while (!stop.aborted) {
    const url = new URL(`/streams/${witness.streamId}`, gateway);
    const stored = !calm.aborted && random.chance(0.2);
    url.searchParams.set("from", random.chance(0.5) ? witness.cursor : String(witness.seen));
    if (stored) url.searchParams.set("live", "false");
    witness.connecting(url.search);
    const message = await connect(url, { accept: "*/*" });
    if (message?.statusCode === 204) return finishAt204(message, witness);
    if (message?.statusCode === 200) {
      const reader = new SseReader("", {
        onEvent: ({ id, event, data }) => (event === "" ? witness.event(id, data) : witness.violate(`got ${event} unasked`)),
      });
      const end = await readBody(message, { random, calm, stop, take: (chunk) => reader.feed(chunk) });
      witness.note(end);
      if (end === "clean" && !stored) return witness.finish("ended");
    } else if (message !== null) {
      if (message.statusCode !== 503) return stopped(message, witness);
      discard(message);
    }
    await sleep(200 + random.next() * 1_500, undefined, { signal: stop }).catch(() => undefined);
    // With `failed` no body ever ends cleanly; who does not take control events has to ask.
    const status = await statusOf(gateway, witness.streamId);
    if (status?.outcome === "failed" && status.lastSeq === witness.seen) return witness.finish("failed");
  }
}
