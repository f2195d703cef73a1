/** Owns asking for a stream in each of the ways there are, until there is one, and telling of every try that brought none. */

import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { openStream } from "../../client/index.ts";
import type { LongstreamStream } from "../../client/index.ts";
import { connect, discard } from "./body.ts";
import type { StreamPlan } from "./plan.ts";
import type { Refusal } from "./verdict.ts";

export interface Begun {
  readonly id: string;
  /** What is open of it already, in the hand of the first reader. */
  readonly first: IncomingMessage | null;
  readonly firstStream: LongstreamStream | null;
}

export interface Asking {
  readonly gateway: URL;
  readonly calm: AbortSignal;
  readonly stop: AbortSignal;
  readonly refused: (refusal: Refusal) => void;
}

const retryMs = 300;
const lookMs = 20;
/** Of a stream that ended, or kept its reader waiting, before it had a head. */
const failureStatuses = new Set([410, 502, 503, 504]);

/** One whose answer was lost goes on by itself, and is judged at the end. Null where the storm is over, or an answer was wrong. */
export async function begin(plan: StreamPlan, asking: Asking): Promise<Begun | null> {
  const url = new URL(plan.path, asking.gateway);
  const { kind } = plan.readers[0];
  const byReader = plan.begunBy === "reader" && kind !== "fetch";
  if (byReader && kind === "client") return beginByClient(url, asking);
  const headers = { ...(byReader ? {} : { prefer: "respond-async" }), ...(kind === "range" ? {} : { accept: "text/event-stream" }) };
  const answered = byReader ? 200 : 202;
  while (!asking.calm.aborted) {
    const atMs = Date.now();
    const message = await connect(url, headers);
    const id = message?.headers["stream-id"];
    if (message !== null && typeof id === "string" && (message.statusCode === answered || isKnownFailure(message))) {
      if (byReader && message.statusCode === 200) return { id, first: message, firstStream: null };
      discard(message);
      return { id, first: null, firstStream: null };
    }
    const what = message === null ? "no answer" : `${message.statusCode}, ${message.headers["content-type"]}`;
    const mayComeBack = message === null || message.statusCode === 503 || isRetryBody(message);
    if (message !== null) discard(message);
    asking.refused({ path: plan.path, atMs, failedAtMs: Date.now(), kind: mayComeBack ? "lost" : "wrong", what });
    await sleep(retryMs);
    if (!mayComeBack) return null;
  }
  return null;
}

function isKnownFailure(message: IncomingMessage): boolean {
  return failureStatuses.has(message.statusCode ?? 0) || isRetryBody(message);
}

/** What an event stream's reader gets in place of a 503: any other status would stop an EventSource for good. */
function isRetryBody({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 200 && headers["content-type"]?.startsWith("text/event-stream") === true;
}

/** The client makes a lost request again by itself, and no fault lasts as long as it tries. */
async function beginByClient(url: URL, { stop, refused }: Asking): Promise<Begun | null> {
  const atMs = Date.now();
  const firstStream = openStream(url, { signal: stop });
  while (firstStream.url === null && !["failed", "ended"].includes(firstStream.state) && !stop.aborted) await sleep(lookMs);
  const id = firstStream.url === null ? undefined : new URL(firstStream.url).pathname.split("/").at(-1);
  if (id !== undefined) return { id, first: null, firstStream };
  const { state } = firstStream;
  const why = stop.aborted ? "until waiting was given up" : await reasonOf(firstStream);
  refused({ path: url.pathname, atMs, failedAtMs: Date.now(), kind: "wrong", what: `the client is ${state}: ${why}` });
  await sleep(retryMs);
  return null;
}

/** The iteration throws what ended it. */
async function reasonOf(stream: LongstreamStream): Promise<string> {
  try {
    await stream[Symbol.asyncIterator]().next();
    return "it says no reason";
  } catch (error) {
    return String(error);
  }
}
