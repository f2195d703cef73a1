/** Counts to `n`, and on its first `times` attempts dies after event `at` in the way `?how=` says. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream, StreamEvent } from "longstream/lambda-runtime";

export const handler = streamHandler((request, stream) => count(new URL(request.url).searchParams, stream));

async function* count(parameters: URLSearchParams, stream: HandlerStream): AsyncGenerator<StreamEvent> {
  const at = Number(parameters.get("at"));
  const times = Number(parameters.get("times") ?? 1);
  for (let n = 1; n <= Number(parameters.get("n")); n++) {
    // Every attempt gets its events out before it dies.
    await sleep(10);
    yield { data: { n } };
    if (n >= at && stream.attempt <= times) {
      if (parameters.get("flush") !== "no") await sleep(200);
      await die(parameters.get("how") ?? "");
    }
  }
}

async function die(how: string): Promise<void> {
  switch (how) {
    case "exit":
      process.exit(3);
    case "reject":
      setTimeout(() => void Promise.reject(new Error("nobody catches this")));
      break;
    case "block":
      // Until the time limit: no timer of the runtime runs either.
      for (;;);
    case "kill":
      process.kill(process.pid, "SIGKILL");
      break;
    default:
      throw new Error(`Cannot die by ${how}`);
  }
  await new Promise(() => undefined);
}
