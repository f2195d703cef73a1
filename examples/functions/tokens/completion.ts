/** Owns an answer by chat completions: the request, its pieces of text, and whether it was complete. */

import type { Message } from "./conversation.ts";
import { cannotAnswer, errorMessage, field, parseJson } from "./model-errors.ts";
import { eventStreamOf, readData, request } from "./model.ts";
import type { ModelSettings } from "./model.ts";

export interface CompletionOptions {
  readonly maxTokens: number | null;
  /** Ends the request, and with it the model's work. */
  readonly signal: AbortSignal;
}

/** The pieces of the answer's text, as they arrive. @throws Error that says what the API did. */
export async function* streamCompletion(
  settings: ModelSettings,
  messages: readonly Message[],
  { maxTokens, signal }: CompletionOptions,
): AsyncGenerator<string, void, void> {
  const body = { model: settings.model, messages, stream: true, ...(maxTokens === null ? {} : { max_tokens: maxTokens }) };
  const response = await request(settings, { method: "POST", path: "/chat/completions", body, signal });
  yield* readCompletion(await eventStreamOf(response, signal), signal);
}

const lastData = "[DONE]";

interface Chunk {
  readonly content: string;
  /** Why the answer ends here (`stop`, `length`, ...); null while it goes on. */
  readonly finish: string | null;
}

/**
 * @throws Error when the stream ends without having said that the answer is complete: a part of an answer must not
 * look like all of it.
 */
export async function* readCompletion(body: ReadableStream<Uint8Array<ArrayBuffer>>, signal: AbortSignal): AsyncGenerator<string, void, void> {
  for await (const data of readData(body, signal)) {
    if (data === lastData) return;
    const { content, finish } = readChunk(data);
    if (content !== "") yield content;
    if (finish === "content_filter") throw cannotAnswer("withheld the rest of the answer (content_filter)");
    if (finish !== null) return;
  }
  throw cannotAnswer("ended its stream before the answer was complete");
}

/** Reads `{"choices":[{"delta":{"content":"..."},"finish_reason":null}]}`; a chunk of usage figures has no choices. */
function readChunk(data: string): Chunk {
  const chunk = parseJson(data);
  const failure = errorMessage(chunk);
  if (failure !== undefined) throw cannotAnswer(`failed in the middle of the answer (${failure})`);
  const choices = field(chunk, "choices");
  if (!Array.isArray(choices)) throw cannotAnswer(`sent what is no chat completion chunk: ${data.slice(0, 200)}`);
  const choice: unknown = choices[0];
  const content = field(field(choice, "delta"), "content");
  const finish = field(choice, "finish_reason");
  return { content: typeof content === "string" ? content : "", finish: typeof finish === "string" ? finish : null };
}
