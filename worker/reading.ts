/** Owns the beginning of a read: a socket to the object, up to its first message. */

import type { ConsumeRequest, ConsumerEnd, ConsumerStart } from "../protocol/consumer-frames.ts";
import { LongstreamError, closeCodes } from "../protocol/errors.ts";
import { headerNames, objectPaths } from "../protocol/http.ts";
import type { Outcome } from "../protocol/sse.ts";
import { ConsumerLink } from "./consumer-link.ts";
import type { Received } from "./consumer-link.ts";
import type { Env } from "./env.ts";
import { callAgain, callOnce, stubOf } from "./object-call.ts";

/** What the object said to the upgrade. */
export type Connection =
  | { readonly kind: "open"; readonly link: ConsumerLink }
  /** No such stream, or not of this route. */
  | { readonly kind: "missing" };

/** What a reader gets. */
export type Beginning =
  | { readonly kind: "started"; readonly start: ConsumerStart; readonly link: ConsumerLink }
  /** It has everything there will ever be. */
  | { readonly kind: "complete"; readonly outcome: Outcome }
  | { readonly kind: "unsatisfiable"; readonly bytes: number; readonly outcome: Outcome | null }
  /** The stream ended before its handler had answered. */
  | { readonly kind: "headless"; readonly end: ConsumerEnd }
  | { readonly kind: "missing" };

/** Sockets in a row that are lost before their first message; more would be a loop, not a cure. */
const maxLostLinks = 5;

/** @throws LongstreamError `unavailable`, `too-many-readers`. */
export async function connectConsumer(env: Env, id: string, asked: ConsumeRequest): Promise<Connection> {
  const headers = { upgrade: "websocket", [headerNames.consume]: JSON.stringify(asked) };
  const response = await callOnce(async () => stubOf(env, id).fetch(`https://object${objectPaths.consume}`, { headers }));
  if (response.status === 404) return { kind: "missing" };
  if (response.status === 503) {
    throw new LongstreamError("too-many-readers", `Cannot read the stream ${id}: it has as many readers as its maxConsumers; come back later`);
  }
  if (response.webSocket === null) {
    throw new LongstreamError("unavailable", `Cannot read the stream: its object answered ${response.status}; try again`);
  }
  return { kind: "open", link: new ConsumerLink(response.webSocket) };
}

export interface Patience {
  /** How long the handler's head is waited for, once the handler has the whole request. */
  readonly headTimeoutMs: number;
  /** Settles when the request's body is with the object. Until then a handler may well be reading it before it answers. */
  readonly uploaded: Promise<unknown>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** @throws LongstreamError `head-timeout`, `unavailable`, `too-many-readers`. */
export async function beginReading(env: Env, id: string, asked: ConsumeRequest, { headTimeoutMs, uploaded, signal }: Patience): Promise<Beginning> {
  const limitAt = uploaded.then(() => Date.now() + headTimeoutMs);
  for (let lost = 0; lost < maxLostLinks; lost++) {
    const connection = await callAgain(async () => connectConsumer(env, id, asked));
    if (connection.kind === "missing") return connection;
    const beginning = toBeginning(await firstMessage(connection.link, limitAt, signal, id), connection.link);
    if (beginning !== null) return beginning;
  }
  throw new LongstreamError("unavailable", `Cannot read the stream ${id}: its sockets close at once; try again`);
}

async function firstMessage(link: ConsumerLink, limitAt: Promise<number>, signal: AbortSignal, id: string): Promise<Received> {
  const stopped = Promise.withResolvers<never>();
  const stop = (error: LongstreamError): void => {
    link.close();
    stopped.reject(error);
  };
  const leave = (): void => stop(new LongstreamError("unavailable", "Cannot answer: the client has left"));
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  const expire = (): void => stop(new LongstreamError("head-timeout", `Cannot answer yet: the function has not; its stream goes on as ${id}`));
  let timer: ReturnType<typeof setTimeout> | "none" | "over" = "none";
  const limit = async (): Promise<void> => {
    const at = await limitAt;
    if (timer === "none") timer = setTimeout(expire, Math.max(0, at - Date.now()));
  };
  limit().catch(stopped.reject);
  try {
    return await Promise.race([link.next(), stopped.promise]);
  } finally {
    if (typeof timer !== "string") clearTimeout(timer);
    timer = "over";
    signal.removeEventListener("abort", leave);
  }
}

/** Null for a socket that was lost: it is opened again. */
function toBeginning(received: Received, link: ConsumerLink): Beginning | null {
  switch (received.type) {
    case "start":
      return { kind: "started", start: received, link };
    case "end":
      return { kind: "headless", end: received };
    case "complete":
      return { kind: "complete", outcome: received.outcome };
    case "unsatisfiable":
      return { kind: "unsatisfiable", bytes: received.bytes, outcome: received.outcome };
    case "lost":
      // The stream was removed while its head was awaited.
      return received.code === closeCodes.notFound ? { kind: "missing" } : null;
    case "events":
    case "stored-end":
      link.close();
      return null;
  }
}
