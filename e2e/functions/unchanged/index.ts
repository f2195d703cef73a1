/** A streaming function as people write them, without Longstream: it answers whoever calls its URL. */

import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

interface UrlEvent {
  readonly rawPath: string;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly queryStringParameters?: Readonly<Record<string, string>>;
}

declare const awslambda: {
  streamifyResponse(handler: (event: UrlEvent, stream: Writable) => Promise<void>): unknown;
  readonly HttpResponseStream: { from(stream: Writable, head: { statusCode: number; headers: Record<string, string> }): Writable };
};

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const { n = "10", intervalMs = "10", exitAt } = event.queryStringParameters ?? {};
  const stream = awslambda.HttpResponseStream.from(responseStream, { statusCode: 200, headers: { "content-type": "text/event-stream", "x-own": "1" } });
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded === true ? "base64" : "utf8").toString("utf8");
  stream.write(`event: request\ndata: ${JSON.stringify({ method: event.requestContext.http.method, path: event.rawPath, body })}\n\n`);
  for (let i = 1; i <= Number(n); i++) {
    if (i === Number(exitAt)) process.exit(4);
    stream.write(`data: {"n":${i}}\n\n`);
    await sleep(Number(intervalMs));
  }
  stream.end();
});
