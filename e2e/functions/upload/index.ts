/** Reads its request's body, in the way `?kind=` says, and answers with what it saw. */

import { createHash } from "node:crypto";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerAnswer, HandlerStream, StreamEvent } from "longstream/lambda-runtime";

export const handler = streamHandler(answer);

async function answer(request: Request, stream: HandlerStream): Promise<HandlerAnswer> {
  switch (new URL(request.url).searchParams.get("kind") ?? "") {
    case "hash":
      return Response.json({ attempt: stream.attempt, declared: request.headers.get("content-length"), ...(await digest(request)) });
    case "echo":
      return new Response(request.body, { headers: { "content-type": "application/octet-stream" } });
    case "follow":
      return follow(request);
    case "die-once":
      return dieOnce(request, stream);
    case "ignore":
      return new Response("not read", { headers: { "content-type": "text/x-plain" } });
    default:
      throw new Error("Cannot answer that kind");
  }
}

async function digest(request: Request): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}

/** Says what it has as it comes. */
async function* follow(request: Request): AsyncGenerator<StreamEvent> {
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    yield `${bytes}`;
  }
  yield "end";
}

/** The first attempt dies when it has read a part of the body. */
async function dieOnce(request: Request, stream: HandlerStream): Promise<Response> {
  if (stream.attempt > 1) return Response.json({ attempt: stream.attempt, ...(await digest(request)) });
  for await (const chunk of request.body ?? []) if (chunk.length > 0) process.kill(process.pid, "SIGKILL");
  return new Response(null);
}
