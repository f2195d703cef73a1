/** Owns the tests of the token example: reading requests, the text as tokens, and the relay of a model's stream. */

import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { HandlerStream, LoggedEvent, StreamEvent } from "longstream/lambda-runtime";
import { answer } from "./functions/tokens/answer.ts";
import { readAsk } from "./functions/tokens/ask.ts";
import { readCompletion } from "./functions/tokens/completion.ts";
import { conversation } from "./functions/tokens/conversation.ts";
import { modelFromEnv } from "./functions/tokens/model.ts";
import { paced, textTokens } from "./functions/tokens/text-tokens.ts";
import { chunkOf, doneChunk, startModelServer } from "./openai-server/index.ts";
import type { ModelServer, Reply } from "./openai-server/index.ts";

const text = await readFile(new URL("functions/tokens/text.txt", import.meta.url), "utf8");
const url = "http://127.0.0.1/api/tokens";

describe("a request", () => {
  const post = (body: string): Request => new Request(url, { method: "POST", body });

  test("gives its prompt in the query", async () => {
    expect(await readAsk(new Request(`${url}?prompt=What+now%3F`))).toEqual({ prompt: "What now?", tokensPerSecond: 40, maxTokens: null });
  });

  test("gives its prompt in a JSON body, and its pace in the query", async () => {
    const request = new Request(`${url}?tokensPerSecond=0&maxTokens=7`, { method: "POST", body: '{"prompt":"a\\nb"}' });
    expect(await readAsk(request)).toEqual({ prompt: "a\nb", tokensPerSecond: 0, maxTokens: 7 });
  });

  test.each([
    [new Request(url), "the request has no prompt; send GET ?prompt=..., or POST"],
    [new Request(`${url}?prompt=%20`), "the prompt is empty; send"],
    [post(""), "the body is not JSON; send"],
    [post('{"prompt":'), "the body is not JSON; send"],
    [post("{}"), "the request has no prompt; send"],
    [post("null"), "the request has no prompt; send"],
    [post('{"prompt":7}'), "the prompt is not a string; send"],
    [new Request(`${url}?prompt=a&tokensPerSecond=fast`), '"tokensPerSecond" is "fast"; send a whole number from 0'],
    [new Request(`${url}?prompt=a&tokensPerSecond=-1`), '"tokensPerSecond" is "-1"; send a whole number from 0'],
    [new Request(`${url}?prompt=a&maxTokens=0`), '"maxTokens" is "0"; send a whole number from 1'],
    [new Request(`${url}?prompt=a&maxTokens=`), '"maxTokens" is ""; send a whole number from 1'],
  ])("that cannot be answered is told what to send (%#)", async (request, message) => {
    await expect(readAsk(request)).rejects.toThrow(`Cannot answer: ${message}`);
  });
});

describe("the text", () => {
  test("comes as tokens that join to the opening and the whole text", () => {
    const tokens = textTokens("Why?", text);
    const [first, ...paragraphs] = tokens.join("").split("\n\n");
    expect(first).toMatch(/^You asked “Why\?”, .*\.$/);
    expect(paragraphs.join("\n\n")).toBe(text.trim());
    expect(tokens.length).toBeGreaterThan(700);
    expect(new Set(tokens).size).toBeGreaterThan(250);
  });

  test("is the same for the same prompt, and names the prompt", () => {
    expect(textTokens("a", text)).toEqual(textTokens("a", text));
    expect(textTokens("a", text)).not.toEqual(textTokens("b", text));
  });

  test("takes any prompt: emoji whole, special tokens as text, lone surrogates replaced, long ones cut", () => {
    const tokens = textTokens(`👩‍👩‍👧\n<|endoftext|> \ud800 ${"é".repeat(500)}`, "End.");
    expect(tokens.join("")).toMatch(/^You asked “👩‍👩‍👧 <\|endoftext\|> \ufffd é{120,150}…”, .*\n\nEnd\.$/u);
    expect(tokens.every((token) => token.isWellFormed())).toBe(true);
  });

  test("is paced by the clock, the first token at once", async () => {
    const startAt = performance.now();
    const times: number[] = [];
    for await (const _ of paced(["a", "b", "c", "d", "e"], 20, new AbortController().signal)) times.push(performance.now() - startAt);
    // A slow machine is later, never sooner: four waits of 50 ms, and none before the first token.
    expect(times[4]).toBeGreaterThan(195);
    expect((times[4] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(195);
  });

  test("stops waiting when the stream's signal is aborted", async () => {
    const items = paced(["a", "b"], 1, AbortSignal.timeout(20));
    await items.next();
    await expect(items.next()).rejects.toThrow(/abort/i);
  });

  test("goes on at the durable seq in a later attempt, at once and without its history", async () => {
    const request = new Request(`${url}?prompt=Why&maxTokens=9&tokensPerSecond=1`);
    const all = textTokens("Why", text);
    const startAt = performance.now();
    const rest = answer(request, streamOf({ seq: 8 }), { model: null, text });
    expect(await collect(rest)).toEqual([all[8]]);
    expect(performance.now() - startAt).toBeLessThan(500);
  });

  test("that was complete already adds nothing", async () => {
    const request = new Request(`${url}?prompt=Why&tokensPerSecond=0`);
    const { length } = textTokens("Why", text);
    expect(await collect(answer(request, streamOf({ seq: length }), { model: null, text }))).toEqual([]);
  });
});

describe("a completion stream", () => {
  const wire = `: hello\n\n${chunkOf("né")}data: {"choices":[]}\n\n${chunkOf("👩‍👧\n")}${chunkOf(" end", "stop")}${doneChunk}`;
  const bytes = new TextEncoder().encode(wire);
  const signal = new AbortController().signal;

  test("reads the same however its bytes are split", async () => {
    for (let at = 0; at <= bytes.length; at++) {
      const tokens = await toArray(readCompletion(bodyOf(bytes.slice(0, at), bytes.slice(at)), signal));
      expect(tokens, `split at ${at}`).toEqual(["né", "👩‍👧\n", " end"]);
    }
  });

  test("that ends early, at any byte, is an error and never a complete answer", async () => {
    const complete = new TextEncoder().encode(wire.slice(0, -doneChunk.length)).length;
    for (let at = 0; at < complete; at++) {
      const tokens = toArray(readCompletion(bodyOf(bytes.slice(0, at)), signal));
      await expect(tokens, `cut at ${at}`).rejects.toThrow("the model's API ended its stream before the answer was complete");
    }
  });

  test("is complete with [DONE] alone", async () => {
    const body = bodyOf(new TextEncoder().encode(chunkOf("a") + doneChunk));
    expect(await toArray(readCompletion(body, signal))).toEqual(["a"]);
  });

  test.each([
    ['data: {"error":{"message":"overloaded"}}\n\n', "failed in the middle of the answer (overloaded)"],
    ['data: {"error":"overloaded"}\n\n', "failed in the middle of the answer (overloaded)"],
    ["data: <html>\n\n", "sent what is no chat completion chunk: <html>"],
    ["data: null\n\n", "sent what is no chat completion chunk: null"],
    [chunkOf("", "content_filter"), "withheld the rest of the answer (content_filter)"],
  ])("that says %j is an error", async (last, message) => {
    const body = bodyOf(new TextEncoder().encode(chunkOf("a") + last));
    await expect(toArray(readCompletion(body, signal))).rejects.toThrow(`Cannot answer the prompt: the model's API ${message}`);
  });
});

describe("the settings of the model", () => {
  test("are absent without OPENAI_BASE_URL", () => {
    expect(modelFromEnv({ OPENAI_API_KEY: "k" })).toBeNull();
    expect(modelFromEnv({ OPENAI_BASE_URL: "" })).toBeNull();
  });

  test("take the API that is named, else background responses of OpenAI itself and chat completions of everybody else", () => {
    const apiOf = (baseUrl: string, api?: string): string | undefined => modelFromEnv({ OPENAI_BASE_URL: baseUrl, OPENAI_API: api })?.api;
    expect([apiOf("https://api.openai.com/v1"), apiOf("http://a/v1"), apiOf("http://a/v1", "")]).toEqual(["responses", "chat", "chat"]);
    expect([apiOf("https://api.openai.com/v1", "chat"), apiOf("http://a/v1", "responses")]).toEqual(["chat", "responses"]);
    expect(() => apiOf("http://a/v1", "assistants")).toThrow('OPENAI_API is "assistants"; set it to responses or chat');
  });

  test("take a base URL with or without a slash", () => {
    expect(modelFromEnv({ OPENAI_BASE_URL: "http://a/v1/", OPENAI_MODEL: "m" })).toEqual({ baseUrl: "http://a/v1", apiKey: null, model: "m", api: "chat" });
  });
});

describe("a conversation", () => {
  test("that was cut off shows the text so far as the model's own, and asks for the rest alone", () => {
    expect(conversation("Why", "")).toEqual([{ role: "user", content: "Why" }]);
    const [asked, said, goOn, ...more] = conversation("Why", "Because\n wa");
    expect([asked, said, more]).toEqual([{ role: "user", content: "Why" }, { role: "assistant", content: "Because\n wa" }, []]);
    expect(goOn).toMatchObject({ role: "user" });
    expect(goOn?.content).toMatch(/Continue it exactly where it stopped.*Repeat nothing/);
  });
});

describe("the relay", () => {
  const servers: ModelServer[] = [];
  const complete: Reply = { parts: [chunkOf("Hel"), chunkOf("lo\n"), chunkOf("", "stop"), doneChunk], ending: "end" };

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function start(reply: Reply): Promise<ModelServer> {
    const server = await startModelServer(reply);
    servers.push(server);
    return server;
  }

  test("asks for a stream and makes an event of each piece", async () => {
    const server = await start(complete);
    expect(await collect(relay(server, streamOf(null), "&maxTokens=5"))).toEqual(["Hel", "lo\n"]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ path: "/v1/chat/completions", authorization: "Bearer key-1" });
    expect(bodyOfRequest(server)).toEqual({ model: "model-1", messages: [{ role: "user", content: "Why" }], stream: true, max_tokens: 5 });
  });

  test("keeps characters whole that arrive in pieces", async () => {
    const bytes = new TextEncoder().encode(`${chunkOf("né 👩‍👧", "stop")}${doneChunk}`);
    const server = await start({ parts: Array.from(bytes, (byte) => Uint8Array.of(byte)), ending: "end" });
    expect(await collect(relay(server))).toEqual(["né 👩‍👧"]);
  });

  test.each<[Reply, string]>([
    [{ status: 429, contentType: "application/json", parts: ['{"error":{"message":"Rate limit reached"}}'], ending: "end" }, "answered 429 (Rate limit reached)"],
    [{ status: 502, contentType: "text/html", parts: ["<h1>Bad", " Gateway</h1>"], ending: "end" }, "answered 502 (<h1>Bad Gateway</h1>)"],
    [{ status: 500, contentType: "text/plain", parts: [], ending: "end" }, "answered 500 (Internal Server Error)"],
    [{ contentType: "application/json", parts: ["{}"], ending: "end" }, "answered with application/json where an event stream was asked for"],
  ])("says what the API answered instead (%#)", async (reply, message) => {
    await expect(collect(relay(await start(reply)))).rejects.toThrow(`Cannot answer the prompt: the model's API ${message}`);
  });

  test("says that the API cannot be reached", async () => {
    const server = await startModelServer(complete);
    await server.close();
    await expect(collect(relay(server))).rejects.toThrow(/the model's API cannot be reached at http:\S+ \(connect ECONNREFUSED/);
  });

  test.each<[Reply["ending"], string]>([
    ["cut", "broke off before the answer was complete (other side closed)"],
    ["end", "ended its stream before the answer was complete"],
  ])("gives what arrived and then fails when the answer stops half-way (%s)", async (ending, message) => {
    const events = relay(await start({ parts: [chunkOf("Hel")], ending }));
    expect(await events.next()).toEqual({ done: false, value: { data: { token: "Hel" } } });
    await expect(events.next()).rejects.toThrow(`Cannot answer the prompt: the model's API ${message}`);
  });

  test("shows a later attempt's model the text so far and asks it to go on", async () => {
    const server = await start(complete);
    const stream = streamOf({ seq: 2, history: ["Because\n", " wa"] });
    expect(await collect(relay(server, stream, "&maxTokens=5"))).toEqual(["Hel", "lo\n"]);
    expect(bodyOfRequest(server)).toMatchObject({ messages: conversation("Why", "Because\n wa"), max_tokens: 3 });
  });

  test("asks afresh when nothing was stored yet, and not at all when maxTokens is reached", async () => {
    const server = await start(complete);
    await collect(relay(server, streamOf({ seq: 0 })));
    expect(bodyOfRequest(server)).toMatchObject({ messages: [{ role: "user", content: "Why" }] });
    expect(await collect(relay(server, streamOf({ seq: 2, history: ["a", "b"] }), "&maxTokens=2"))).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  test("hangs up on the API when the stream's signal is aborted", async () => {
    const server = await start({ parts: [chunkOf("Hel")], ending: "silence" });
    const abort = new AbortController();
    const events = relay(server, { ...streamOf(null), signal: abort.signal });
    await events.next();
    const next = events.next();
    abort.abort(new Error("cancelled by a test"));
    await expect(next).rejects.toThrow("cancelled by a test");
    await expect(server.abandoned).resolves.toBeUndefined();
  });

  test("hangs up on the API when the handler is ended at a yield", async () => {
    const server = await start({ parts: [chunkOf("Hel")], ending: "silence" });
    const events = relay(server);
    await events.next();
    await events.return();
    await expect(server.abandoned).resolves.toBeUndefined();
  });
});

function relay({ baseUrl }: { readonly baseUrl: string }, stream = streamOf(null), query = ""): AsyncGenerator<StreamEvent, void, void> {
  const model = { baseUrl, apiKey: "key-1", model: "model-1", api: "chat" } as const;
  return answer(new Request(`${url}?prompt=Why${query}`), stream, { model, text });
}

function bodyOf(...parts: readonly Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

function bodyOfRequest({ requests }: ModelServer): unknown {
  return JSON.parse(requests[0]?.body ?? "null");
}

async function collect(events: AsyncIterable<StreamEvent>): Promise<string[]> {
  return (await toArray(events)).map(tokenOf);
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function tokenOf(event: StreamEvent): string {
  const data: unknown = typeof event === "string" ? undefined : event.data;
  if (typeof data === "object" && data !== null && "token" in data && typeof data.token === "string") return data.token;
  throw new Error(`${JSON.stringify(event)} is no token`);
}

/** A handler's stream without a gateway. */
function streamOf(resume: { readonly seq: number; readonly history?: readonly string[] } | null): HandlerStream {
  const never = new AbortController().signal;
  return {
    id: "s",
    attempt: resume === null ? 1 : 2,
    resume: resume === null ? null : { seq: resume.seq, checkpoint: null, sourceId: null, history: () => historyOf(resume.history) },
    signal: never,
    handover: never,
    context: { awsRequestId: "r", functionName: "tokens", getRemainingTimeInMillis: () => 1_000 },
    checkpoint: () => undefined,
    remainingMs: () => 1_000,
  };
}

async function* historyOf(tokens: readonly string[] = []): AsyncGenerator<LoggedEvent, void, void> {
  for (const [index, token] of tokens.entries()) yield { seq: index + 1, event: undefined, data: JSON.stringify({ token }) };
}
