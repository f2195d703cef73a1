/** Answers with the AI SDK's UI message stream, which its `useChat` reads: `?prompt=...`, of a mock model unless AI_MODEL is set. */

import { simulateReadableStream, streamText } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { streamHandler } from "longstream/lambda-runtime";

// AI_MODEL is a model of the AI Gateway ("openai/gpt-5-mini"), with AI_GATEWAY_API_KEY; a provider's own package does too.
// Resume: a later attempt asks the model again and is compared with what is stored. The mock repeats itself; a real model
// does not, and the stream then fails with replay-diverged, never with half of two answers. An answer that may outlive a
// Lambda wants resume: "continue", from its upstream or from the text so far: functions/tokens does both.
export const handler = streamHandler((request, { signal }) => {
  const prompt = new URL(request.url).searchParams.get("prompt") ?? "Why do streams break?";
  const model = process.env["AI_MODEL"] ?? mockModel(prompt);
  return streamText({ model, prompt, abortSignal: signal }).toUIMessageStreamResponse();
});

/** Says the prompt back, word by word. */
function mockModel(prompt: string): MockLanguageModelV4 {
  const words = `You asked: ${prompt} `.repeat(10).split(/(?<= )/);
  const usage = {
    inputTokens: { total: 3, noCache: 3, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: words.length, text: words.length, reasoning: undefined },
  };
  return new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({
        chunkDelayInMs: 20,
        chunks: [
          { type: "text-start", id: "text-1" },
          ...words.map((delta) => ({ type: "text-delta", id: "text-1", delta }) as const),
          { type: "text-end", id: "text-1" },
          { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage },
        ],
      }),
    }),
  });
}
