/** The token example before a model: each token once and in order whatever happens to its Lambdas, and paid for once where it can be. */

import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { textTokens } from "../examples/functions/tokens/text-tokens.ts";
import { startSpeakingModel } from "../examples/openai-server/speaking.ts";
import { Reader } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const tokens = textTokens("Why?", readFileSync(new URL("../examples/functions/tokens/text.txt", import.meta.url), "utf8")).slice(0, 300);
/** A prompt says how it is to be answered: `slow` for longer than two Lambdas last, `thinking` before the first token. */
const model = await startSpeakingModel((prompt) => ({
  tokens,
  tokensPerSecond: prompt.includes("slow") ? 20 : 200,
  ...(prompt.includes("thinking") ? { thinkMs: 2_000 } : {}),
}));
afterAll(async () => model.close());

const functionEnv = { OPENAI_BASE_URL: model.baseUrl, OPENAI_API_KEY: "key" };
const stacks = {
  responses: useStack({ lambdaTimeoutMs: 6_000, functionEnv: { ...functionEnv, OPENAI_API: "responses" } }),
  chat: useStack({ lambdaTimeoutMs: 6_000, functionEnv: { ...functionEnv, OPENAI_API: "chat" } }),
};
type Api = keyof typeof stacks;

const urlOf = (api: Api, prompt: string): URL => new URL(`/api/tokens?prompt=${encodeURIComponent(prompt)}`, stacks[api].current.url);
const open = async (api: Api, prompt: string): Promise<Reader> => Reader.open(urlOf(api, prompt));
const kill = (api: Api, id: string): number => stacks[api].current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(`"${id}"`)).length;
const textOf = ({ messages }: Reader): string => messages.map(({ data }) => String(Reflect.get(Object(JSON.parse(data)), "token"))).join("");
const creations = (prompt: string): number => model.account(prompt).requests.filter((request) => request === "POST /v1/responses").length;
const whole = tokens.join("");

/** The whole answer, cleanly ended; gives the number of attempts it took. */
async function completed(api: Api, reader: Reader): Promise<number> {
  expect(await reader.ended).toBe("clean");
  expect(textOf(reader)).toBe(whole);
  const { outcome, attempt } = await waitForStatus(stacks[api].current.url, reader.streamId, ({ phase }) => phase === "ended");
  expect(outcome).toBe("completed");
  return attempt;
}

describe.concurrent("by the API's own resume", () => {
  test("a chain of Lambdas reads one response, which is made and paid for once", { timeout: 90_000 }, async () => {
    const prompt = "responses, slow";
    const attempts = await completed("responses", await open("responses", prompt));
    expect(attempts).toBeGreaterThan(2);
    const { requests, paid } = model.account(prompt);
    expect([creations(prompt), paid]).toEqual([1, tokens.length]);
    const places = requests.slice(1).map((request) => Number(/^GET \/v1\/responses\/resp_\d+\?stream=true&starting_after=(\d+)$/.exec(request)?.[1]));
    expect(places.length).toBeGreaterThan(1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test("P5: a killed Lambda's successor reads on behind the last stored token", async () => {
    const prompt = "responses, killed";
    const reader = await open("responses", prompt);
    await reader.seen(50);
    expect(kill("responses", reader.streamId)).toBe(1);
    expect(await completed("responses", reader)).toBeGreaterThan(1);
    expect([creations(prompt), model.account(prompt).paid]).toEqual([1, tokens.length]);
  });

  test("P5: killed before the first token, it still finds the response that was made", async () => {
    const prompt = "responses, thinking";
    const reader = await open("responses", prompt);
    // The head, and the checkpoint that names the response.
    await waitForStatus(stacks.responses.current.url, reader.streamId, ({ cost }) => cost.messagesIn >= 2);
    expect(reader.messages).toEqual([]);
    expect(kill("responses", reader.streamId)).toBe(1);
    expect(await completed("responses", reader)).toBeGreaterThan(1);
    expect(model.account(prompt).requests.slice(0, 2)).toEqual(["POST /v1/responses", expect.stringMatching(/^GET .*starting_after=0$/)]);
    expect([creations(prompt), model.account(prompt).paid]).toEqual([1, tokens.length]);
  });

  test("a connection to the API that breaks is made again", async () => {
    const prompt = "responses, cut";
    const reader = await open("responses", prompt);
    for (const count of [30, 120]) {
      await reader.seen(count);
      model.cut(prompt);
    }
    await completed("responses", reader);
    expect([creations(prompt), model.account(prompt).paid]).toEqual([1, tokens.length]);
    expect(model.account(prompt).requests.length).toBeGreaterThanOrEqual(3);
  });

  test("P8: a cancelled stream cancels its response: nothing more is paid for", async () => {
    const prompt = "responses, slow, cancelled";
    const reader = await open("responses", prompt);
    await reader.seen(20);
    await fetch(new URL(`/streams/${reader.streamId}/cancel`, stacks.responses.current.url), { method: "POST" });
    expect(await reader.ended).toBe("clean");
    const { requests } = model.account(prompt);
    await waitFor("the response to be cancelled", () => requests.find((request) => /^POST .*\/cancel$/.test(request)));
    const { paid } = model.account(prompt);
    expect(paid).toBeLessThan(tokens.length / 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(model.account(prompt).paid).toBe(paid);
  });
});

describe.concurrent("from the text so far", () => {
  test("a chain of Lambdas asks on and on, and the text is the model's, once", { timeout: 90_000 }, async () => {
    const prompt = "chat, slow";
    const attempts = await completed("chat", await open("chat", prompt));
    expect(attempts).toBeGreaterThan(2);
    const { requests, paid } = model.account(prompt);
    expect(new Set(requests)).toEqual(new Set(["POST /v1/chat/completions"]));
    expect(requests.length).toBeGreaterThan(2);
    // What was made and not yet stored when a Lambda stopped is made again.
    expect(paid).toBeLessThan(tokens.length * 1.2);
  });

  test("P5: a killed Lambda's successor has the model go on behind the last stored token", async () => {
    const prompt = "chat, killed";
    const reader = await open("chat", prompt);
    await reader.seen(50);
    expect(kill("chat", reader.streamId)).toBe(1);
    expect(await completed("chat", reader)).toBeGreaterThan(1);
    expect((await statusOf(stacks.chat.current.url, reader.streamId)).lastSeq).toBe(tokens.length);
  });
});

/** Alone: what is forgotten is every response. */
test("a response that is kept no longer is gone on with from the text so far", async () => {
  const prompt = "responses, forgotten";
  const reader = await open("responses", prompt);
  await reader.seen(50);
  expect(kill("responses", reader.streamId)).toBe(1);
  model.forget();
  expect(await completed("responses", reader)).toBeGreaterThan(1);
  expect(creations(prompt)).toBe(2);
});
