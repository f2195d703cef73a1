/** Owns the request to an OpenAI-compatible chat API, and what its refusals mean. */

import { readCompletion } from "./completion.ts";
import type { Message } from "./conversation.ts";
import { brokeOff, cannotAnswer, errorMessage, parseJson } from "./model-errors.ts";

export interface ModelSettings {
  /** As OpenAI's own libraries take it, with the version: `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  readonly model: string;
}

export interface CompletionOptions {
  readonly maxTokens: number | null;
  /** Ends the request, and with it the model's work. */
  readonly signal: AbortSignal;
}

const defaultModel = "gpt-4.1-mini";
/** Enough of an error page to show. */
const maxErrorChars = 2_000;

/** Null without OPENAI_BASE_URL. */
export function modelFromEnv(env: Readonly<Record<string, string | undefined>>): ModelSettings | null {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey, OPENAI_MODEL: model } = env;
  if (baseUrl === undefined || baseUrl === "") return null;
  return { baseUrl: baseUrl.replace(/\/+$/, ""), apiKey: apiKey || null, model: model || defaultModel };
}

/** The pieces of the answer's text, as they arrive. @throws Error that says what the API did. */
export async function* streamCompletion(
  settings: ModelSettings,
  messages: readonly Message[],
  { maxTokens, signal }: CompletionOptions,
): AsyncGenerator<string, void, void> {
  const body = { model: settings.model, messages, stream: true, ...(maxTokens === null ? {} : { max_tokens: maxTokens }) };
  const response = await post(settings, JSON.stringify(body), signal);
  if (!response.ok) throw cannotAnswer(`answered ${response.status} (${await reasonOf(response, signal)})`);
  const type = response.headers.get("content-type") ?? "no content type";
  if (response.body === null || type.includes("json")) {
    await response.body?.cancel();
    throw cannotAnswer(`answered with ${type} where an event stream was asked for`);
  }
  yield* readCompletion(response.body, signal);
}

async function post({ baseUrl, apiKey }: ModelSettings, body: string, signal: AbortSignal): Promise<Response> {
  const headers = new Headers({ "content-type": "application/json", accept: "text/event-stream" });
  if (apiKey !== null) headers.set("authorization", `Bearer ${apiKey}`);
  try {
    return await fetch(`${baseUrl}/chat/completions`, { method: "POST", headers, body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw brokeOff(`cannot be reached at ${baseUrl}`, error);
  }
}

/** The API's own message where it has the usual form, else the start of what it sent. */
async function reasonOf(response: Response, signal: AbortSignal): Promise<string> {
  const text = await readStart(response.body, signal);
  return errorMessage(parseJson(text)) ?? (text.trim() || response.statusText || "no reason given");
}

async function readStart(body: ReadableStream<Uint8Array> | null, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const part of body ?? []) {
      text += decoder.decode(part, { stream: true });
      if (text.length >= maxErrorChars) break;
    }
  } catch (error) {
    // The status says enough where the reason breaks off.
    if (signal.aborted) throw error;
  }
  return text.slice(0, maxErrorChars);
}
