/** Answers with middy: middleware around a handler that returns status, headers and a stream, as on a Function URL. */

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
// oxlint-disable-next-line import/no-named-as-default -- its types know it only as the default
import middy from "@middy/core";
import { executionModeStreamifyResponse } from "@middy/core/StreamifyResponse";
import { nodeStreamHandler } from "longstream/lambda-runtime";
import type { FunctionUrlEvent } from "longstream/lambda-runtime";

interface Answer {
  readonly statusCode: number;
  headers: Record<string, string>;
  readonly body: Readable | string;
}

const squares = middy<FunctionUrlEvent, Answer>({ executionMode: executionModeStreamifyResponse })
  .before(async ({ event }) =>
    event.requestContext.http.method === "GET" ? undefined : { statusCode: 405, headers: { allow: "GET" }, body: "only GET\n" },
  )
  .after(async ({ response }) => {
    if (response) response.headers["x-powered-by"] = "middy";
  })
  .handler(async (event) => {
    const n = Number(event.queryStringParameters?.["n"] ?? 100);
    return { statusCode: 200, headers: { "content-type": "text/plain" }, body: Readable.from(lines(n)) };
  });

// Resume: a later attempt runs middleware and handler again from the start, and what is stored is compared and dropped.
export const handler = nodeStreamHandler(squares);

async function* lines(n: number): AsyncGenerator<string, void, void> {
  for (let i = 1; i <= n; i++) {
    await sleep(10);
    yield `${i} squared is ${i * i}\n`;
  }
}
