/** Says one thing, then waits to be cancelled, and records the moment its signal fires. */

import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream } from "longstream/lambda-runtime";
import { record } from "../../../e2e/functions/record.ts";

export const handler = streamHandler((_request, stream) => wait(stream));

async function* wait({ id, signal }: HandlerStream): AsyncGenerator<string> {
  const cancelled = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      record({ stream: id, abortedAtMs: performance.timeOrigin + performance.now() });
      resolve();
    });
  });
  yield "waiting";
  await cancelled;
}
