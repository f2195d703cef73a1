/** Does with its response stream what `?case=` says, as functions for `awslambda.streamifyResponse` do it, right or wrong. */

import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeStreamHandler } from "longstream/lambda-runtime";
import type { FunctionUrlEvent, HandlerStream, NodeResponseStream } from "longstream/lambda-runtime";
import { record } from "../record.ts";

type Case = (stream: NodeResponseStream, event: FunctionUrlEvent, own: HandlerStream) => Promise<unknown>;

const head = (stream: NodeResponseStream, statusCode: number): NodeResponseStream =>
  awslambda.HttpResponseStream.from(stream, { statusCode, headers: { "content-type": "text/plain" }, cookies: ["a=1", "b=2"] });

const cases: Readonly<Record<string, Case>> = {
  event: async (stream, event) => {
    stream.setContentType("application/json");
    stream.write(event);
    stream.end();
  },
  plain: async (stream) => stream.end("hello"),
  "empty-end": async (stream) => stream.end(),
  "head-and-end": async (stream) => head(stream, 404).end("not here"),
  "head-alone": async (stream) => head(stream, 202).end(),
  bodiless: async (stream) => head(stream, 204).end("nobody reads this"),
  "bad-prelude": async (stream) => {
    stream.setContentType("application/vnd.awslambda.http-integration-response");
    stream.end("hello");
  },
  events: async (stream, event, { resume }) => {
    stream.setContentType("text/event-stream");
    for (let n = 1; n <= Number(event.queryStringParameters?.["n"]); n++) {
      // Only what is new keeps the pace, or no attempt would come further than the one before.
      if (n > (resume?.seq ?? 0)) await sleep(10);
      stream.write(`id: own-${n}\ndata: {"n":${n}}\n\n`);
    }
    stream.end();
  },
  late: async (stream) => {
    // Goes on by itself once the handler has returned.
    Readable.from(slowly(20)).pipe(head(stream, 200));
  },
  backpressure: async (stream, _event, { id }) => {
    let waits = 0;
    for (let n = 0; n < 64; n++) {
      if (stream.write("x".repeat(65_536))) continue;
      waits += 1;
      await once(stream, "drain");
    }
    stream.end();
    record({ stream: id, waits });
  },
  after: async (stream, _event, { id }) => {
    stream.end("done");
    await sleep(300);
    record({ stream: id, after: true });
    throw new Error("behind the answer");
  },
  "throw-first": async () => Promise.reject(new RangeError("before the first byte")),
  "throw-later": async (stream) => {
    head(stream, 200).write("half");
    throw new RangeError("half way");
  },
  destroy: async (stream) => {
    stream.write("half");
    await sleep(20);
    stream.destroy(new Error("no such luck"));
  },
  "write-after-end": async (stream) => {
    stream.end("x".repeat(300_000));
    stream.write("y");
  },
  hang: async (stream, _event, { id }) => {
    stream.write("held");
    await once(stream, "close").finally(() => record({ stream: id, closed: true }));
  },
};

export const handler = nodeStreamHandler(async (event, stream, _context, own) => {
  const run = cases[event.queryStringParameters?.["case"] ?? ""];
  if (run === undefined) throw new Error("Cannot do that case");
  return run(stream, event, own);
});

async function* slowly(lines: number): AsyncGenerator<string, void, void> {
  for (let line = 1; line <= lines; line++) {
    await sleep(10);
    yield `line ${line}\n`;
  }
}
