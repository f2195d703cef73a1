/** Owns the tests of the token example before the Responses API: its events, its places, and what is done when it fails. */

import { afterEach, describe, expect, test } from "vitest";
import type { HandlerStream, LoggedEvent, StreamEvent } from "longstream/lambda-runtime";
import { answer } from "./functions/tokens/answer.ts";
import { readResponse } from "./functions/tokens/response-events.ts";
import { startModelServer } from "./openai-server/index.ts";
import type { ModelServer, Reply } from "./openai-server/index.ts";

const signal = new AbortController().signal;
const event = (sequence: number, type: string, fields: object = {}): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequence })}\n\n`;
const created = (id: string): string => event(0, "response.created", { response: { id } }) + event(1, "response.in_progress", { response: { id } });
const delta = (sequence: number, text: string): string => event(sequence, "response.output_text.delta", { delta: text });
const completed = (sequence: number): string => event(sequence, "response.completed", { response: { status: "completed" } });

describe("the events of a response", () => {
  const wire = `: hello\n\n${created("resp_1")}${delta(4, "né")}${event(5, "response.reasoning_summary_text.delta", { delta: "hm" })}${delta(6, "👩‍👧\n")}${completed(7)}`;
  const bytes = new TextEncoder().encode(wire);

  test("read the same however their bytes are split, each with its place", async () => {
    for (let at = 0; at <= bytes.length; at++) {
      const pieces = await toArray(readResponse(bodyOf(bytes.slice(0, at), bytes.slice(at)), null, signal));
      expect(pieces, `split at ${at}`).toEqual([
        { text: "", place: { response: "resp_1", after: 0 } },
        { text: "né", place: { response: "resp_1", after: 4 } },
        { text: "👩‍👧\n", place: { response: "resp_1", after: 6 } },
      ]);
    }
  });

  test("that end early, at any byte, are an interruption and never a complete answer", async () => {
    for (let at = 0; at < bytes.length - 2; at += 7) {
      await expect(toArray(readResponse(bodyOf(bytes.slice(0, at)), null, signal)), `cut at ${at}`).rejects.toThrow("ended its stream before the answer was complete");
    }
  });

  test.each([
    [event(5, "response.failed", { response: { error: { message: "overloaded" } } }), "failed in the middle of the answer (overloaded)"],
    [event(5, "response.failed", { response: {} }), "failed in the middle of the answer (no reason given)"],
    [event(5, "error", { message: "too many" }), "failed in the middle of the answer (too many)"],
    [event(5, "response.incomplete", { response: { incomplete_details: { reason: "content_filter" } } }), "withheld the rest of the answer (content_filter)"],
    ["data: <html>\n\n", "sent what is no event of a response: <html>"],
  ])("that say %j are an error", async (last, message) => {
    const body = bodyOf(new TextEncoder().encode(created("resp_1") + delta(4, "a") + last));
    await expect(toArray(readResponse(body, null, signal))).rejects.toThrow(`Cannot answer the prompt: the model's API ${message}`);
  });

  test("that stop at the number of tokens asked for are complete", async () => {
    const last = event(5, "response.incomplete", { response: { incomplete_details: { reason: "max_output_tokens" } } });
    const body = bodyOf(new TextEncoder().encode(created("resp_1") + delta(4, "a") + last));
    expect((await toArray(readResponse(body, null, signal))).map(({ text }) => text)).toEqual(["", "a"]);
  });
});

describe("the relay", () => {
  const servers: ModelServer[] = [];
  const end = (...parts: readonly string[]): Reply => ({ parts, ending: "end" });

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function relay(replies: readonly [Reply, ...Reply[]], stream: Partial<HandlerStream> = {}, query = ""): Promise<{ events: AsyncGenerator<StreamEvent, void, void>; server: ModelServer }> {
    const server = await startModelServer(...replies);
    servers.push(server);
    const model = { baseUrl: server.baseUrl, apiKey: "key-1", model: "model-1", api: "responses" } as const;
    return { server, events: answer(new Request(`http://127.0.0.1/api/tokens?prompt=Why${query}`), streamOf(stream), { model, text: "" }) };
  }

  test("asks for a background response, names it in a checkpoint, and gives each token its place", async () => {
    const checkpoints: unknown[] = [];
    const { events, server } = await relay([end(created("resp_1"), delta(4, "Hel"), delta(5, "lo"), completed(6))], { checkpoint: (state) => checkpoints.push(state) }, "&maxTokens=5");
    expect(await toArray(events)).toEqual([{ data: { token: "Hel" }, id: "resp_1:4" }, { data: { token: "lo" }, id: "resp_1:5" }]);
    expect(checkpoints).toEqual([{ response: "resp_1" }]);
    expect(server.requests[0]).toMatchObject({ path: "/v1/responses", authorization: "Bearer key-1" });
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
      model: "model-1", input: [{ role: "user", content: "Why" }], stream: true, background: true, store: true, max_output_tokens: 5,
    });
  });

  test.each([
    ["resp_1:4", 4],
    [null, 0],
    // A response from before: the checkpoint's has no token yet.
    ["resp_0:99", 0],
  ])("reads on in a later attempt, with the source id %j, without its history", async (sourceId, after) => {
    const resume = { seq: 1, checkpoint: { response: "resp_1" }, sourceId, history: unread };
    const { events, server } = await relay([end(delta(5, "lo"), completed(6))], { resume });
    expect(await toArray(events)).toEqual([{ data: { token: "lo" }, id: "resp_1:5" }]);
    expect(server.requests.map(({ path }) => path)).toEqual([`/v1/responses/resp_1?stream=true&starting_after=${after}`]);
  });

  test("reads on where the connection breaks or the API is overloaded, and nothing twice", async () => {
    const { events, server } = await relay([
      { parts: [created("resp_1"), delta(4, "a")], ending: "cut" },
      { status: 503, contentType: "application/json", parts: ['{"error":"overloaded"}'], ending: "end" },
      end(delta(5, "b"), completed(6)),
    ]);
    expect(await toArray(events)).toEqual([{ data: { token: "a" }, id: "resp_1:4" }, { data: { token: "b" }, id: "resp_1:5" }]);
    expect(server.requests.slice(1).map(({ path }) => path)).toEqual(Array.from({ length: 2 }, () => "/v1/responses/resp_1?stream=true&starting_after=4"));
  });

  test("gives up where three reads in a row bring nothing", { timeout: 10_000 }, async () => {
    const { events, server } = await relay([end(created("resp_1"), delta(4, "a")), { parts: [], ending: "end" }]);
    await expect(toArray(events)).rejects.toThrow("ended its stream before the answer was complete");
    expect(server.requests).toHaveLength(4);
  });

  test("asks anew, from the text so far, where the response is kept no longer", async () => {
    const resume = { seq: 1, checkpoint: { response: "resp_1" }, sourceId: "resp_1:4", history: () => historyOf("Hel") };
    const checkpoints: unknown[] = [];
    const { events, server } = await relay(
      [{ status: 404, contentType: "application/json", parts: ["{}"], ending: "end" }, end(created("resp_2"), delta(4, "lo"), completed(5))],
      { resume, checkpoint: (state) => checkpoints.push(state) },
    );
    expect(await toArray(events)).toEqual([{ data: { token: "lo" }, id: "resp_2:4" }]);
    expect(checkpoints).toEqual([{ response: "resp_2" }]);
    expect(JSON.parse(server.requests[1]?.body ?? "")).toMatchObject({ input: [{ role: "user", content: "Why" }, { role: "assistant", content: "Hel" }, { role: "user" }] });
  });

  test("does not ask again after a refusal, nor hide it", async () => {
    const { events, server } = await relay([{ status: 401, contentType: "application/json", parts: ['{"error":{"message":"no key"}}'], ending: "end" }]);
    await expect(toArray(events)).rejects.toThrow("Cannot answer the prompt: the model's API answered 401 (no key)");
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["cancelled", ["/v1/responses", "/v1/responses/resp_1/cancel"]],
    ["fenced", ["/v1/responses"]],
  ])("when its attempt is %s: asks %j", async (code, paths) => {
    const abort = new AbortController();
    const { events, server } = await relay([{ parts: [created("resp_1"), delta(4, "a")], ending: "silence" }], { signal: abort.signal });
    await events.next();
    const next = events.next();
    abort.abort(Object.assign(new Error("over"), { code }));
    await expect(next).rejects.toThrow("over");
    expect(server.requests.map(({ path }) => path)).toEqual(paths);
  });
});

function bodyOf(...parts: readonly Uint8Array<ArrayBuffer>[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function streamOf(parts: Partial<HandlerStream>): HandlerStream {
  return {
    id: "s",
    attempt: 1,
    resume: null,
    signal,
    handover: signal,
    context: { awsRequestId: "r", functionName: "tokens", getRemainingTimeInMillis: () => 1_000 },
    checkpoint: () => undefined,
    remainingMs: () => 1_000,
    ...parts,
  };
}

async function* historyOf(...tokens: readonly string[]): AsyncGenerator<LoggedEvent, void, void> {
  for (const [index, token] of tokens.entries()) yield { seq: index + 1, event: undefined, data: JSON.stringify({ token }) };
}

function unread(): AsyncGenerator<LoggedEvent, void, void> {
  throw new Error("the history is not needed");
}
