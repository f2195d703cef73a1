/** Owns the events of one attempt: reads what was asked, and takes the tokens from the model, or from the text without one. */

import type { HandlerStream, LoggedEvent, StreamEvent, StreamResume } from "longstream/lambda-runtime";
import { readAsk } from "./ask.ts";
import type { Ask } from "./ask.ts";
import { streamCompletion } from "./completion.ts";
import { conversation } from "./conversation.ts";
import type { ModelSettings } from "./model.ts";
import type { Place } from "./response-events.ts";
import { Gone, streamResponse } from "./response.ts";
import { paced, textTokens } from "./text-tokens.ts";

export interface Sources {
  /** Null where none is set up: the text answers. */
  readonly model: ModelSettings | null;
  readonly text: string;
}

export async function* answer(request: Request, stream: HandlerStream, sources: Sources): AsyncGenerator<StreamEvent, void, void> {
  const ask = await readAsk(request);
  if (sources.model?.api === "responses") return yield* followResponse(ask, stream, sources.model);
  const tokens = sources.model === null ? readText(ask, stream, sources.text) : askModel(ask, stream, sources.model);
  for await (const token of tokens) yield { data: { token } };
}

/** One event is one token, so the durable seq is the index to go on from. */
function readText({ prompt, tokensPerSecond, maxTokens }: Ask, stream: HandlerStream, text: string): AsyncIterable<string> {
  const rest = textTokens(prompt, text).slice(stream.resume?.seq ?? 0, maxTokens ?? undefined);
  return paced(rest, tokensPerSecond, stream.signal);
}

/** Chat completions cannot be resumed: a later attempt shows the model its text so far and has it go on. */
async function* askModel({ prompt, maxTokens }: Ask, { resume, signal }: HandlerStream, model: ModelSettings): AsyncGenerator<string, void, void> {
  const left = maxTokens === null ? null : maxTokens - (resume?.seq ?? 0);
  if (left !== null && left <= 0) return;
  yield* streamCompletion(model, conversation(prompt, await textOf(resume)), { maxTokens: left, signal });
}

/**
 * A background response goes on while nobody reads it: a later attempt reads on behind its last event, and no token is
 * paid for twice. Which response it is stands in the checkpoint, made before there is a token; how far it was read, in the
 * ids of the events.
 */
async function* followResponse({ prompt, maxTokens }: Ask, stream: HandlerStream, model: ModelSettings): AsyncGenerator<StreamEvent, void, void> {
  const { resume, signal } = stream;
  let from = placeOf(resume);
  const said: string[] = [];
  for (;;) {
    const left = maxTokens === null ? null : maxTokens - (resume?.seq ?? 0) - said.length;
    if (from === null && left !== null && left <= 0) return;
    const soFar = from === null ? (await textOf(resume)) + said.join("") : "";
    try {
      for await (const { text, place } of streamResponse(model, conversation(prompt, soFar), { from, maxTokens: left, signal })) {
        if (place.response !== from?.response) stream.checkpoint({ response: place.response });
        from = place;
        if (text === "") continue;
        yield { data: { token: text }, id: `${place.response}:${place.after}` };
        said.push(text);
      }
      return;
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      from = null;
    }
  }
}

/** The source id counts where it is of the checkpoint's response: that may be a later one, without a token yet. */
function placeOf(resume: StreamResume | null): Place | null {
  const state = resume?.checkpoint;
  if (typeof state !== "object" || state === null || !("response" in state) || typeof state.response !== "string") return null;
  const prefix = `${state.response}:`;
  const id = resume?.sourceId ?? "";
  return { response: state.response, after: id.startsWith(prefix) ? Number(id.slice(prefix.length)) : 0 };
}

async function textOf(resume: StreamResume | null): Promise<string> {
  let text = "";
  for await (const event of resume?.history() ?? []) text += readToken(event);
  return text;
}

function readToken({ seq, data }: LoggedEvent): string {
  const value: unknown = JSON.parse(data);
  if (typeof value === "object" && value !== null && "token" in value && typeof value.token === "string") return value.token;
  throw new Error(`Cannot continue the answer: event ${seq} of the stream is no token`);
}
