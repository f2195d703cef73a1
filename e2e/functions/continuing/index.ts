/** Counts on from where the log stands, and tells with each event which attempt it is and what it found. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream, StreamEvent } from "longstream/lambda-runtime";
import { record } from "../record.ts";

export const handler = streamHandler((request, stream) => count(new URL(request.url).searchParams, stream), { resume: "continue" });

async function* count(parameters: URLSearchParams, stream: HandlerStream): AsyncGenerator<StreamEvent> {
  const { attempt, resume } = stream;
  const found: string[] = [];
  if (resume !== null && parameters.has("history")) for await (const { data } of resume.history()) found.push(data);
  record({ stream: stream.id, attempt, resume: resume?.seq ?? null, sourceId: resume?.sourceId ?? null, found: found.length, last: found.at(-1) ?? null });
  try {
    for (let n = (resume?.seq ?? 0) + 1; n <= Number(parameters.get("n")); n++) {
      // The first event of a later attempt is due already: its predecessor kept the pace up to it.
      if (n > (resume?.seq ?? 0) + 1) await sleep(Number(parameters.get("intervalMs")));
      yield { data: { n, attempt }, id: `source-${n}` };
    }
  } finally {
    record({ stream: stream.id, attempt, finally: true, handover: stream.handover.aborted });
  }
}
