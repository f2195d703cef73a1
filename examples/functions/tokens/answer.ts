/** Owns the events of one attempt: reads what was asked, and takes the tokens from the model, or from the text without one. */

import type { HandlerStream, LoggedEvent, StreamEvent } from "longstream/lambda-runtime";
import { readAsk } from "./ask.ts";
import type { Ask } from "./ask.ts";
import { conversation } from "./conversation.ts";
import { streamCompletion } from "./model.ts";
import type { ModelSettings } from "./model.ts";
import { paced, textTokens } from "./text-tokens.ts";

export interface Sources {
  /** Null where none is set up: the text answers. */
  readonly model: ModelSettings | null;
  readonly text: string;
}

export async function* answer(request: Request, stream: HandlerStream, sources: Sources): AsyncGenerator<StreamEvent, void, void> {
  const ask = await readAsk(request);
  const tokens = sources.model === null ? readText(ask, stream, sources.text) : askModel(ask, stream, sources.model);
  for await (const token of tokens) yield { data: { token } };
}

/** One event is one token, so the durable seq is the index to go on from. */
function readText({ prompt, tokensPerSecond, maxTokens }: Ask, stream: HandlerStream, text: string): AsyncIterable<string> {
  const rest = textTokens(prompt, text).slice(stream.resume?.seq ?? 0, maxTokens ?? undefined);
  return paced(rest, tokensPerSecond, stream.signal);
}

async function* askModel({ prompt, maxTokens }: Ask, stream: HandlerStream, model: ModelSettings): AsyncGenerator<string, void, void> {
  const left = maxTokens === null ? null : maxTokens - (stream.resume?.seq ?? 0);
  if (left !== null && left <= 0) return;
  const soFar = stream.resume === null ? "" : await joinTokens(stream.resume.history());
  yield* streamCompletion(model, conversation(prompt, soFar), { maxTokens: left, signal: stream.signal });
}

async function joinTokens(history: AsyncIterable<LoggedEvent>): Promise<string> {
  let text = "";
  for await (const { seq, data } of history) text += readToken(seq, data);
  return text;
}

function readToken(seq: number, data: string): string {
  const value: unknown = JSON.parse(data);
  if (typeof value === "object" && value !== null && "token" in value && typeof value.token === "string") return value.token;
  throw new Error(`Cannot continue the answer: event ${seq} of the stream is no token`);
}
