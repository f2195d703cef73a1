/** Answers differently on every attempt (`?how=other`), or ends sooner (`?how=shorter`). */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { StreamEvent } from "longstream/lambda-runtime";

export const handler = streamHandler((request, stream) => answer(new URL(request.url).searchParams.get("how"), stream.attempt));

async function* answer(how: string | null, attempt: number): AsyncGenerator<StreamEvent> {
  if (attempt > 1 && how === "shorter") return;
  for (let n = 1; n <= 5; n++) yield { data: { n, attempt } };
  await sleep(200);
  if (attempt === 1) process.kill(process.pid, "SIGKILL");
}
