/** Answers with a web `ReadableStream` of events: the progress of a job of `?steps=50`, then its result. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { StreamEvent } from "longstream/lambda-runtime";

// Objects and text are events, bytes are bytes: the first chunk decides.
// Resume: a later attempt gets its job again from the start; the events that are stored are compared and dropped. It does
// the work of those again, but need not take its time over them.
export const handler = streamHandler((request, { resume, signal }) => {
  const steps = Number(new URL(request.url).searchParams.get("steps") ?? 50);
  let step = 0;
  return new ReadableStream<StreamEvent>({
    pull: async (controller) => {
      step += 1;
      if (step > (resume?.seq ?? 0)) await sleep(20, undefined, { signal });
      if (step <= steps) return controller.enqueue({ event: "progress", data: { step, of: steps } });
      controller.enqueue({ event: "result", data: { sum: (steps * (steps + 1)) / 2 } });
      controller.close();
    },
  });
});
