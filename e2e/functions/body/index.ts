/** Answers bodies of every kind a test wants, chosen by `?kind=`; large ones are the same bytes at every attempt. */

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerAnswer, HandlerStream } from "longstream/lambda-runtime";

export const handler = streamHandler(answer);

async function answer(request: Request, stream: HandlerStream): Promise<HandlerAnswer> {
  const { searchParams } = new URL(request.url);
  const size = Number(searchParams.get("size") ?? 0);
  const pauseMs = Number(searchParams.get("pauseMs") ?? 0);
  switch (searchParams.get("kind") ?? "") {
    case "noise":
      return new Response(toWeb(noise(size, pauseMs, stream)), { headers: { "content-type": "video/mp4", "x-kind": "noise" } });
    case "declared":
      return new Response(toWeb(noise(size, 0, stream)), { headers: { "content-type": "video/mp4", "content-length": searchParams.get("length") ?? "" } });
    case "hold":
      return new Response(toWeb(hold(stream)), { headers: { "content-type": "text/plain" } });
    case "break":
      return new Response(toWeb(thenThrow()), { headers: { "content-type": "text/plain" } });
    case "teapot":
      return new Response("short and stout", { status: 418, headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["content-type", "text/plain"]] });
    case "part":
      return new Response("a part", { status: 206, headers: { "content-range": "bytes 0-5/100", "cache-control": "max-age=3600" } });
    case "events":
      return new Response("data: one\n\n", { headers: { "content-type": "text/event-stream", "set-cookie": "a=1" } });
    case "late":
      await sleep(pauseMs, undefined, { signal: stream.signal });
      return new Response("late", { headers: { "content-type": "text/plain" } });
    case "none":
      return new Response(null, { status: 204, headers: { "x-kind": "none" } });
    case "readable":
      return Readable.from([Buffer.from("one "), Buffer.from("two")]);
    case "large-headers":
      return new Response("x", { headers: { "x-large": "y".repeat(70_000) } });
    case "bad-header":
      return shaped({ headers: [["x bad", "1"]] });
    case "bad-status":
      return shaped({ status: 99 });
    case "body-on-204":
      return shaped({ status: 204, body: toWeb(thenThrow()) });
    case "locked":
      return locked();
    case "used":
      return used();
    case "throw":
      throw new Error("the handler broke before its head");
    default:
      throw new Error("Cannot answer that kind");
  }
}

/** What looks like a Response of another library, and is none that could be sent. */
function shaped(parts: { status?: number; headers?: readonly (readonly [string, string])[]; body?: unknown }): Response {
  const shape: unknown = { status: 200, headers: [], body: null, bodyUsed: false, url: "", ...parts };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the mistake this fixture makes
  return shape as Response;
}

function locked(): Response {
  const response = new Response("read elsewhere");
  response.body?.getReader();
  return response;
}

async function used(): Promise<Response> {
  const response = new Response("read already");
  await response.text();
  return response;
}

function toWeb(chunks: AsyncIterable<Uint8Array | string>): ReadableStream<Uint8Array | string> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    pull: async (controller) => {
      const step = await iterator.next();
      if (step.done === true) controller.close();
      else controller.enqueue(step.value);
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
}

/** The same bytes at every attempt, in chunks that differ from one attempt to the next. */
async function* noise(size: number, pauseMs: number, { attempt, signal }: HandlerStream): AsyncGenerator<Uint8Array> {
  const chunkBytes = 50_000 + 7_001 * attempt;
  for (let at = 0; at < size; at += chunkBytes) {
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal });
    yield noiseBytes(at, Math.min(chunkBytes, size - at));
  }
}

/** Bytes `at` to `at + length` of one endless sequence. */
function noiseBytes(at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const position = at + i;
    bytes[i] = Math.imul(position, 0x9e3779b1) >>> 24;
  }
  return bytes;
}

async function* hold({ signal }: HandlerStream): AsyncGenerator<string> {
  yield "held";
  await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }));
}

async function* thenThrow(): AsyncGenerator<string> {
  yield "one";
  throw new Error("the handler broke");
}
