/** Owns an HTTP server on this machine that answers as each test tells it, for relays to read. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

export interface Asked {
  readonly method: string;
  /** Path and query behind the script's name. */
  readonly rest: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Answers the `nth` request for it, from 1. */
export type Script = (asked: Asked, response: ServerResponse, nth: number) => Promise<void> | void;

export type RawScript = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface UpstreamServer {
  /** `<url>/<script><rest>`. */
  readonly url: string;
  script(name: string, script: Script): void;
  /** Its request is not read before. */
  raw(name: string, script: RawScript): void;
  /** In the order they came. */
  asked(name: string): readonly Asked[];
  /** Requests whose connection closed before their answer was complete. */
  abandoned(name: string): number;
  close(): Promise<void>;
}

export async function startUpstream(): Promise<UpstreamServer> {
  const scripts = new Map<string, Script>();
  const raws = new Map<string, RawScript>();
  const requests = new Map<string, Asked[]>();
  const left = new Map<string, number>();
  const server = createServer((request, response) => {
    const [, name = "", rest = ""] = /^\/base\/([\w-]+)(.*)$/s.exec(request.url ?? "") ?? [];
    response.once("close", () => response.writableFinished || left.set(name, (left.get(name) ?? 0) + 1));
    const answer = async (): Promise<void> => {
      const raw = raws.get(name);
      if (raw !== undefined) return raw(request, response);
      const asked = { method: request.method ?? "", rest, headers: request.headers, body: await buffer(request) };
      const all = [...(requests.get(name) ?? []), asked];
      requests.set(name, all);
      const script = scripts.get(name);
      if (script === undefined) response.writeHead(404).end(`no script ${name}`);
      else await script(asked, response, all.length);
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start the upstream: it has no port");
  return {
    url: `http://127.0.0.1:${address.port}/base`,
    script: (name, script) => void scripts.set(name, script),
    raw: (name, script) => void raws.set(name, script),
    asked: (name) => requests.get(name) ?? [],
    abandoned: (name) => left.get(name) ?? 0,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Begins an event stream. */
export function sse(response: ServerResponse, headers: Readonly<Record<string, string>> = {}): ServerResponse {
  response.writeHead(200, { "content-type": "text/event-stream", ...headers });
  response.flushHeaders();
  return response;
}

/** `data: {"n":<n>}`, with that id. */
export function numbered(n: number): string {
  return `id: e${n}\ndata: {"n":${n}}\n\n`;
}

/** As a network fails: what was written arrives, and then the connection is gone. */
export async function drop(response: ServerResponse): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30));
  response.socket?.destroy();
}
