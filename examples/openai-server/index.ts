/** Owns an OpenAI-compatible chat API on this machine that answers as it is told, for tests. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";

export interface Reply {
  /** 200 by default. */
  readonly status?: number;
  /** An event stream by default. */
  readonly contentType?: string;
  /** Each is one write, on its own turn. */
  readonly parts: readonly (string | Uint8Array)[];
  /** What happens after the last part: a proper end, a destroyed socket, or silence. */
  readonly ending: "end" | "cut" | "silence";
}

export interface ModelRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface ModelServer {
  /** What OPENAI_BASE_URL is set to. */
  readonly baseUrl: string;
  /** In the order they came. */
  readonly requests: readonly ModelRequest[];
  /** Settles when a client has gone before it had its answer. */
  readonly abandoned: Promise<void>;
  close(): Promise<void>;
}

/** Gives the replies in order, and the last one again after that. */
export async function startModelServer(...replies: readonly [Reply, ...Reply[]]): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const abandoned = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const reply = replies[Math.min(requests.length, replies.length - 1)] ?? replies[0];
    response.once("close", () => response.writableFinished || abandoned.resolve());
    take(request, requests).then(() => send(response, reply)).catch((error: unknown) => response.destroy(toError(error)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start the model server: it has no port");
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    requests,
    abandoned: abandoned.promise,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** One chunk of a completion stream, as it goes over the wire. */
export function chunkOf(content: string, finishReason: string | null = null): string {
  const choice = { index: 0, delta: content === "" ? {} : { content }, finish_reason: finishReason };
  return `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [choice] })}\n\n`;
}

export const doneChunk = "data: [DONE]\n\n";

async function take(request: IncomingMessage, requests: ModelRequest[]): Promise<void> {
  const { url: path = "", headers } = request;
  const slot = requests.push({ path, authorization: headers.authorization, body: "" }) - 1;
  requests[slot] = { path, authorization: headers.authorization, body: await text(request) };
}

async function send(response: ServerResponse, { status = 200, contentType = "text/event-stream", parts, ending }: Reply): Promise<void> {
  response.writeHead(status, { "content-type": contentType });
  response.flushHeaders();
  for (const part of parts) {
    response.write(part);
    await nextTurn();
  }
  if (ending === "end") response.end();
  if (ending === "cut") response.socket?.destroySoon();
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
