/** Owns the requests to an OpenAI-compatible API, what its refusals mean, and the data of its event streams. */

import { EventSourceParserStream } from "eventsource-parser/stream";
import { brokeOff, cannotAnswer, errorMessage, parseJson } from "./model-errors.ts";

export interface ModelSettings {
  /** As OpenAI's own libraries take it, with the version: `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  readonly model: string;
  /**
   * `responses`: the Responses API in background mode, whose answers can be read on from any event. `chat`: chat
   * completions, which every compatible server has and none can resume.
   */
  readonly api: "responses" | "chat";
}

const defaultModel = "gpt-4.1-mini";
const openAiHost = "api.openai.com";
/** Enough of an error page to show. */
const maxErrorChars = 2_000;
/** An event holds one token; past this it is none of such a stream. */
const maxEventChars = 1_048_576;

/** Null without OPENAI_BASE_URL. */
export function modelFromEnv(env: Readonly<Record<string, string | undefined>>): ModelSettings | null {
  const { OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey, OPENAI_MODEL: model, OPENAI_API: api } = env;
  if (baseUrl === undefined || baseUrl === "") return null;
  return { baseUrl: baseUrl.replace(/\/+$/, ""), apiKey: apiKey || null, model: model || defaultModel, api: readApi(api || null, baseUrl) };
}

/** OpenAI itself has background responses; of others one has to say so. */
function readApi(api: string | null, baseUrl: string): ModelSettings["api"] {
  if (api === null) return new URL(baseUrl).host === openAiHost ? "responses" : "chat";
  if (api === "responses" || api === "chat") return api;
  throw new Error(`Cannot ask the model: OPENAI_API is ${JSON.stringify(api)}; set it to responses or chat, or leave it out`);
}

export interface ModelRequest {
  readonly method: "GET" | "POST";
  /** Behind the base URL. */
  readonly path: string;
  readonly body?: object;
  /** Ends the request, and with it what the API does for it. */
  readonly signal: AbortSignal;
}

/** @throws Error when the API cannot be reached; the signal's reason. */
export async function request({ baseUrl, apiKey }: ModelSettings, { method, path, body, signal }: ModelRequest): Promise<Response> {
  const headers = new Headers({ accept: "text/event-stream" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (apiKey !== null) headers.set("authorization", `Bearer ${apiKey}`);
  try {
    return await fetch(`${baseUrl}${path}`, { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch (error) {
    if (signal.aborted) throw error;
    throw brokeOff(`cannot be reached at ${baseUrl}`, error);
  }
}

/** @throws Error that says what the API answered in place of an event stream. */
export async function eventStreamOf(response: Response, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  if (!response.ok) throw cannotAnswer(`answered ${response.status} (${await reasonOf(response, signal)})`);
  const type = response.headers.get("content-type") ?? "no content type";
  if (response.body !== null && !type.includes("json")) return response.body;
  await response.body?.cancel();
  throw cannotAnswer(`answered with ${type} where an event stream was asked for`);
}

/** The data of each event. @throws Error when the connection breaks; the signal's reason. */
export async function* readData(body: ReadableStream<Uint8Array<ArrayBuffer>>, signal: AbortSignal): AsyncGenerator<string, void, void> {
  try {
    const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream({ maxBufferSize: maxEventChars }));
    for await (const { data } of events) yield data;
  } catch (error) {
    if (signal.aborted) throw error;
    throw brokeOff("broke off before the answer was complete", error);
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
