/** Answers through a Node `Writable`: a function as it was written for `awslambda.streamifyResponse`, and one line more. */

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeStreamHandler } from "longstream/lambda-runtime";

const page = awslambda.streamifyResponse(async (event, responseStream) => {
  const { name = "world", lines = "100" } = event.queryStringParameters ?? {};
  const body = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 201,
    headers: { "content-type": "text/html; charset=utf-8", "x-path": event.rawPath },
    cookies: ["seen=1; Path=/", `name=${encodeURIComponent(name)}; Path=/`],
  });
  body.write("<!doctype html>\n<ol>\n");
  await pipeline(Readable.from(items(name, Number(lines))), body);
});

// Resume: a later attempt runs it again from the start, with the same event but for its time, and what is stored is
// compared and dropped. Text of the type text/event-stream would become events with cursors.
export const handler = nodeStreamHandler(page);

async function* items(name: string, lines: number): AsyncGenerator<string, void, void> {
  for (let line = 1; line <= lines; line++) {
    await sleep(10);
    yield `<li>Hello ${name}, line ${line}</li>\n`;
  }
  yield "</ol>\n";
}
