/** The AI SDK before a model that is like a real one: asked again, it says something else. */

import { simulateReadableStream, streamText } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { streamHandler } from "longstream/lambda-runtime";

export const handler = streamHandler((_request, { attempt, signal }) => {
  const model = new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({
        chunkDelayInMs: 20,
        chunks: [
          { type: "text-start", id: "text-1" },
          ...Array.from({ length: 100 }, (_, n) => ({ type: "text-delta", id: "text-1", delta: `attempt ${attempt} says ${n}. ` }) as const),
          { type: "text-end", id: "text-1" },
        ],
      }),
    }),
  });
  return streamText({ model, prompt: "Say something", abortSignal: signal }).toUIMessageStreamResponse();
});
