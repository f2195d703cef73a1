/** Owns the reader of a byte stream: Range from where it stands, and parts of what it has read before, read again. */

import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, discard, readBody } from "./body.ts";
import type { Reading } from "./readers.ts";
import { isOutcome } from "./status.ts";
import type { Witness } from "./witness.ts";

export async function readByRange(reading: Reading): Promise<void> {
  const { gateway, witness, random, calm, stop } = reading;
  const url = new URL(`/streams/${witness.streamId}`, gateway);
  let message = reading.first;
  let asked = false;
  while (!stop.aborted) {
    if (message === null) {
      asked = witness.seen > 0 || random.chance(0.5);
      witness.connecting(asked ? `with bytes=${witness.seen}-` : "for the whole");
      message = await connect(url, asked ? { range: `bytes=${witness.seen}-` } : {});
    }
    if (message !== null) {
      const body = takeAnswer(message, witness, asked);
      if (body === "over") return;
      if (body === "body") {
        const end = await readBody(message, { random, calm, stop, take: (chunk) => witness.bytes(chunk) });
        witness.note(end);
        if (end === "clean") return witness.finish("ended");
      }
      message = null;
    }
    await sleep(100 + random.next() * 1_500, undefined, { signal: stop }).catch(() => undefined);
    if (witness.seen > 1 && random.chance(0.3)) await readAgain(reading, url);
  }
}

function takeAnswer(message: IncomingMessage, witness: Witness, asked: boolean): "body" | "again" | "over" {
  const { statusCode = 0, headers } = message;
  const outcome = headers["stream-outcome"];
  if (statusCode === (asked ? 206 : 200)) {
    if (asked && !(headers["content-range"] ?? "").startsWith(`bytes ${witness.seen}-`)) {
      witness.violate(`asked for bytes=${witness.seen}- and got ${headers["content-range"]}`);
    }
    return "body";
  }
  discard(message);
  if (statusCode === 503) return "again";
  // The end was read, and the body was cut before that was said; or nothing ever came.
  const atEnd = statusCode === 416 ? headers["content-range"] === `bytes */${witness.seen}` : witness.seen === 0 && [410, 502, 504].includes(statusCode);
  if (atEnd && isOutcome(outcome)) witness.finish(outcome);
  else witness.violate(`was answered with ${statusCode}, ${headers["content-range"]}, ${String(outcome)}`);
  return "over";
}

/** What is in a log never changes. */
async function readAgain({ witness, random, calm, stop }: Reading, url: URL): Promise<void> {
  const from = Math.floor(random.next() * (witness.seen - 1));
  const to = Math.min(witness.seen - 1, from + Math.floor(random.next() * 100_000));
  const message = await connect(url, { range: `bytes=${from}-${to}` });
  if (message === null) return;
  if (message.statusCode !== 206) {
    if (message.statusCode !== 503) witness.violate(`asked again for bytes=${from}-${to} and got ${message.statusCode}`);
    return discard(message);
  }
  let at = from;
  const end = await readBody(message, {
    random: null,
    calm,
    stop,
    take: (chunk) => {
      witness.checkBytes(at, chunk);
      at += chunk.length;
    },
  });
  if (end === "clean" && at !== to + 1) witness.violate(`asked again for bytes=${from}-${to} and got them up to ${at - 1}`);
}
