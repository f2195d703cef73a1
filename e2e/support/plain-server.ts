/** Owns serving a fetch-style application from a plain Node server: what the gateway is compared with. */

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface PlainServer {
  readonly url: URL;
  close(): Promise<void>;
}

type App = (request: Request) => Promise<Response>;

export async function startPlainServer(app: App): Promise<PlainServer> {
  const server = createServer((incoming, outgoing) => {
    answer(app, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(app: App, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const response = await app(toRequest(incoming)).catch(() => new Response("Internal Server Error", { status: 500 }));
  const cookies = response.headers.getSetCookie();
  const others = [...response.headers].filter(([name]) => name !== "set-cookie");
  outgoing.writeHead(response.status, [...others, ...cookies.map((cookie) => ["set-cookie", cookie] as const)].flat());
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    outgoing.end();
  } else {
    await pipeline(response.body, outgoing);
  }
}

function toRequest(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
  const { method = "GET" } = incoming;
  const init: RequestInit = { method, headers };
  if (method !== "GET" && method !== "HEAD") Object.assign(init, { body: Readable.toWeb(incoming), duplex: "half" });
  return new Request(new URL(incoming.url ?? "/", `http://${incoming.headers.host}`), init);
}
