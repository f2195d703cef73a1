/** Counts with a checkpoint after every fifth event, and dies once after event `at`. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream, StreamEvent } from "longstream/lambda-runtime";
import { record } from "../record.ts";

export const handler = streamHandler((request, stream) => count(new URL(request.url).searchParams, stream));

async function* count(parameters: URLSearchParams, stream: HandlerStream): AsyncGenerator<StreamEvent> {
  const state = stream.resume?.checkpoint ?? null;
  const start = isState(state) ? state.n : 0;
  record({ stream: stream.id, attempt: stream.attempt, start, resume: stream.resume?.seq ?? null });
  for (let n = start + 1; n <= Number(parameters.get("n")); n++) {
    await sleep(5);
    yield { data: { n } };
    if (n % 5 === 0) stream.checkpoint(parameters.has("large") ? "x".repeat(300_000) : { n });
    if (n === Number(parameters.get("at")) && stream.attempt === 1) {
      await sleep(300);
      process.kill(process.pid, "SIGKILL");
    }
  }
}

function isState(value: unknown): value is { n: number } {
  return typeof value === "object" && value !== null && "n" in value && typeof value.n === "number";
}
