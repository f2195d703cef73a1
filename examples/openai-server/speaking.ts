/** Owns an OpenAI-compatible API on this machine whose model says what it is told to, by chat completions and by background responses. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { BackgroundResponses } from "./background.ts";
import { chunkOf, doneChunk } from "./index.ts";
import { readAsk, refuse, rest } from "./speech.ts";
import type { Account, Ask, Speech } from "./speech.ts";

export interface SpeakingModel {
  /** What OPENAI_BASE_URL is set to. */
  readonly baseUrl: string;
  account(prompt: string): Account;
  /** Breaks the connections by which a prompt's answers are read. */
  cut(prompt: string): void;
  /** As if the time were over for which background responses are kept. */
  forget(): void;
  close(): Promise<void>;
}

export async function startSpeakingModel(speechOf: (prompt: string) => Speech): Promise<SpeakingModel> {
  const accounts = new Map<string, Account>();
  const open = new Map<ServerResponse, string>();
  const account = (prompt: string): Account => {
    const found = accounts.get(prompt) ?? { requests: [], paid: 0 };
    accounts.set(prompt, found);
    return found;
  };
  const responses = new BackgroundResponses(speechOf);
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.headersSent || refuse(response, 400, String(error)));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "" } = request;
    const asked = method === "POST" && !url.endsWith("/cancel") ? readAsk(await json(request), account) : responses.askOf(url);
    if (asked === undefined) return refuse(response, 404, "no such response");
    asked.account.requests.push(`${method} ${url}`);
    open.set(response, asked.prompt);
    response.once("close", () => open.delete(response));
    if (url === "/v1/chat/completions") return complete(response, asked, speechOf(asked.prompt));
    if (url === "/v1/responses") return responses.create(response, asked);
    return responses.serve(response, url);
  };
  return {
    baseUrl: `http://127.0.0.1:${await listen(server)}/v1`,
    account,
    cut: (prompt) => [...open].filter(([, of]) => of === prompt).forEach(([response]) => response.destroy()),
    forget: () => responses.forget(),
    close: async () => {
      responses.forget();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The model stops when its reader leaves. */
async function complete(response: ServerResponse, { account, soFar }: Ask, speech: Speech): Promise<void> {
  const tokens = rest(speech, soFar);
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  if (speech.thinkMs !== undefined) await sleep(speech.thinkMs);
  for (const token of tokens) {
    await sleep(1_000 / speech.tokensPerSecond);
    if (response.destroyed) return;
    account.paid += 1;
    response.write(chunkOf(token));
  }
  response.end(chunkOf("", "stop") + doneChunk);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start the model server: it has no port");
  return address.port;
}
