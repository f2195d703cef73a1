/** Owns what the client's tests share: a scripted `fetch` and the bodies it answers with. Not part of the package. */

import type { Fetch, LongstreamStream, StreamEvent } from "./types.ts";

export const origin = "https://gateway.test";
export const streamUrl = `${origin}/streams/s-1`;
/** Short enough not to be noticed, and never zero. */
export const quick = { minMs: 1, maxMs: 2 } as const;

/** A request as it was sent. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: unknown;
  readonly signal: AbortSignal | null;
}

export type Answering = (sent: Sent) => Response | Promise<Response>;

export interface Script {
  readonly fetch: Fetch;
  readonly sent: readonly Sent[];
}

/** Answers each request with the next of `answers`; one more request than that is an error that no retry hides. */
export function script(...answers: readonly Answering[]): Script {
  const sent: Sent[] = [];
  const rest = [...answers];
  const fetch: Fetch = async (url, { method = "GET", headers, body, signal }) => {
    const request: Sent = { method, url, headers: new Headers(headers), body: body ?? null, signal: signal ?? null };
    sent.push(request);
    return (rest.shift() ?? tooMany)(request);
  };
  return { fetch, sent };
}

function tooMany({ method, url }: Sent): Response {
  return problem(418, { code: "bad-request", detail: `The script has no answer for ${method} ${url}` })();
}

export type BodyEnd = "clean" | "cut" | "open";

/** An event stream of `chunks`, one for each read, that then ends cleanly, breaks off or stays open. */
export function events(chunks: readonly (string | Uint8Array)[], end: BodyEnd, headers: Readonly<Record<string, string>> = named): Answering {
  return () => new Response(bodyOf(chunks, end), { headers: { "content-type": "text/event-stream", ...headers } });
}

const named = { "stream-url": streamUrl };

function bodyOf(chunks: readonly (string | Uint8Array)[], end: BodyEnd): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const rest = [...chunks];
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const chunk = rest.shift();
    if (chunk !== undefined) return controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
    if (end === "clean") return controller.close();
    if (end === "cut") return controller.error(new TypeError("terminated"));
    // Open: this read is never answered, but a cancelled body settles it.
    await new Promise(() => undefined);
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}

/** A body of bytes, in one read, that then ends cleanly, breaks off or stays open; `range` makes it a part. */
export function bytes(text: string, end: BodyEnd, range?: string): Answering {
  const headers = { "content-type": "video/mp4", ...named };
  const init = range === undefined ? { headers } : { status: 206, headers: { ...headers, "content-range": range } };
  return () => new Response(bodyOf(text === "" ? [] : [text], end), init);
}

export const unreachable: Answering = () => {
  throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
};

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T>(): Deferred<T> {
  return Promise.withResolvers<T>();
}

export const nothingMore: Answering = () => new Response(null, { status: 204, headers: named });

export function status(outcome: string | null, lastSeq: number, error: unknown = null): Answering {
  return () => Response.json({ id: "s-1", outcome, lastSeq, error });
}

export function problem(code: number, details: Readonly<Record<string, unknown>>, more: Readonly<Record<string, string>> = {}): () => Response {
  const headers = { "content-type": "application/problem+json", ...more };
  return () => new Response(JSON.stringify({ type: "urn:longstream:error", status: code, ...details }), { status: code, headers });
}

/** The events `first` to `last` of the log `s-1`, as the gateway writes them. */
export function run(first: number, last: number): string {
  let text = "";
  for (let seq = first; seq <= last; seq++) text += `data: ${seq}\nid: s-1-${seq}\n\n`;
  return text;
}

export function ended(seq: number, outcome: string, error?: unknown): string {
  return `event: longstream.end\ndata: ${JSON.stringify({ outcome, error })}\nid: s-1-${seq}\n\n`;
}

export interface Reading {
  readonly events: readonly StreamEvent[];
  /** What the iteration threw; null when it ended. */
  readonly thrown: unknown;
}

/** Iterates to the end. */
export async function readAll(stream: LongstreamStream): Promise<Reading> {
  const seen: StreamEvent[] = [];
  try {
    for await (const event of stream) seen.push(event);
    return { events: seen, thrown: null };
  } catch (error) {
    return { events: seen, thrown: error };
  }
}

/** The `data` of each event, of a stream that must not fail. */
export async function readData(stream: LongstreamStream): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const { data } of stream) seen.push(data);
  return seen;
}
