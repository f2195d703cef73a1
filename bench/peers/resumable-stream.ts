/** Owns a server of resumable-stream, as its documentation builds it: one route makes a stream, another resumes it. */

import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createClient } from "redis";
import { createResumableStreamContext } from "resumable-stream";
import { announceMissing } from "./announce.ts";
import { serve } from "./intake.ts";
import { Originals, Source } from "./originals.ts";
import { startRedis } from "./redis.ts";
import type { RedisServer } from "./redis.ts";

const [, , dir = "."] = process.argv;
const redis = await startRedis(dir);
if (redis === null) announceMissing("redis");
else await run(redis);

async function run(server: RedisServer): Promise<void> {
  const socket = { path: server.socketPath, tls: false } as const;
  const [publisher, subscriber] = [await createClient({ socket }).connect(), await createClient({ socket }).connect()];
  const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber });
  const originals = new Originals();
  serve(
    {
      open: async (name) => {
        const source = new Source();
        const original = await context.createNewResumableStream(name, () => source.stream);
        if (original === null) throw new Error(`Cannot make ${name}: it is there`);
        return originals.keep(name, original, source);
      },
      read: async (name, request, response) => {
        const resumeAt = new URL(request.url ?? "", "http://localhost").searchParams.get("resumeAt");
        const original = resumeAt === null ? originals.take(name) : undefined;
        const stream = original ?? (await context.resumeExistingStream(name, Number(resumeAt ?? 0)));
        await answer(response, stream ?? null);
      },
      close: async () => {
        await Promise.all([publisher.close(), subscriber.close()]);
        await server.close();
      },
    },
    [server.pid],
  );
}

/** 422, as its documentation has it: the stream is done, and whoever wants it now must have stored it elsewhere. */
async function answer(response: ServerResponse, stream: ReadableStream<string> | null): Promise<void> {
  if (stream === null) {
    response.writeHead(422).end();
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  // It fails where the reader leaves, and cancels the stream then, as it should.
  await pipeline(Readable.fromWeb(stream), response).catch(() => undefined);
}
