/** Answers with a Node `Readable`, of bytes here: `?size=1000000` of them, as a file or an object of S3 gives them. */

import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";

const chunkBytes = 16_384;

// A stream has no head: it is answered with 200 and application/octet-stream. `new Response(Readable.toWeb(...))` has one.
// Resume: with "continue" a later attempt reads on behind the bytes that are stored, by a range request as it were, and
// nothing is read twice. With "replay" it would read from the start and have them compared.
export const handler = streamHandler(
  (request, { resume }) => {
    const size = Number(new URL(request.url).searchParams.get("size") ?? 1_000_000);
    return Readable.from(readObject(resume?.seq ?? 0, size));
  },
  { resume: "continue" },
);

/** In place of S3's `GetObject` with `Range: bytes={from}-`. */
async function* readObject(from: number, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = from; at < size; at += chunkBytes) {
    await sleep(10);
    yield Buffer.from(Array.from({ length: Math.min(chunkBytes, size - at) }, (_, index) => (at + index) % 251));
  }
}
