/** One answer of each kind a test wants, chosen by `?kind=`. */

import { streamHandler } from "longstream/lambda-runtime";
import type { EventSequence, HandlerStream, StreamEvent } from "longstream/lambda-runtime";

export const handler = streamHandler((request, stream) => answer(request, stream));

async function answer(request: Request, stream: HandlerStream): Promise<EventSequence> {
  const { searchParams } = new URL(request.url);
  const kind = searchParams.get("kind") ?? "";
  switch (kind) {
    case "echo":
      return [{ event: "request", data: await describe(request) }];
    case "fields":
      return [{ event: "first", data: "one\ntwo\r\nthree\rfour" }, "", { data: { n: 3 } }, "ünïcödé 💡"];
    case "throw":
      return thenThrow();
    case "bad-name":
      return ["before", { event: "bad\nname", data: "x" }];
    case "large":
      return ["before", "x".repeat(Number(searchParams.get("size")))];
    case "empty":
      return [];
    case "hang":
      return hang(stream);
    default:
      throw new Error(`Cannot answer kind ${kind}`);
  }
}

async function describe(request: Request): Promise<string> {
  const headers = Object.fromEntries(request.headers);
  return JSON.stringify({ method: request.method, url: request.url, headers, body: await request.text() });
}

function* thenThrow(): Generator<StreamEvent> {
  yield "one";
  yield "two";
  throw new Error("the handler broke");
}

async function* hang({ signal }: HandlerStream): AsyncGenerator<StreamEvent> {
  yield "waiting";
  await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }));
}
