/** Owns the control port: the list of faults, and faults by HTTP, each answered with what it did. */

import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import { JsonReader } from "../protocol/json.ts";
import { LongstreamError, toProblem } from "../protocol/errors.ts";
import { faultNames, faultTable, findFault } from "./faults.ts";
import { listen, portOf } from "./proxy.ts";
import type { StackParts } from "./stack.ts";

export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

const maxBodyBytes = 16 * 1024;

/** `GET /faults`, and `POST /faults` with `{"fault": name, "stream": id?, ...}`. The stack is null until it is up. */
export async function startControl(stack: () => StackParts | null, port: number): Promise<Control> {
  const server: Server = createServer((request, response) => {
    const headers = { "content-type": "application/json", vary: "origin", ...allowed(request, stack()) };
    answer(stack(), request).then(
      ({ status, body }) => response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    );
  });
  await listen(server, port);
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** The page of this stack is on another port, and so of another origin. */
function allowed({ headers: { origin } }: IncomingMessage, stack: StackParts | null): Readonly<Record<string, string>> {
  return origin !== undefined && isOwn(origin, stack) ? { "access-control-allow-origin": origin } : {};
}

function isOwn(origin: string, stack: StackParts | null): boolean {
  return stack !== null && [stack.url.origin, `http://localhost:${stack.url.port}`].includes(origin);
}

async function answer(stack: StackParts | null, request: IncomingMessage): Promise<Answer> {
  const { method, url, headers } = request;
  if (stack === null) return { status: 503, body: { error: "the stack is starting" } };
  // A browser sends a simple POST for any page it shows, whether that may read the answer or not.
  if (headers.origin !== undefined && !isOwn(headers.origin, stack)) return { status: 403, body: { error: `not for pages of ${headers.origin}` } };
  if (method === "GET" && url === "/faults") return { status: 200, body: { faults: faultTable.map(([name, { does, needs }]) => ({ name, does, needs })) } };
  if (method !== "POST" || url !== "/faults") {
    return { status: 404, body: { error: 'POST /faults with {"fault": name, "stream": id?}', faults: faultNames } };
  }
  try {
    const reader = JsonReader.parse(await readBody(request), "the fault");
    const fault = findFault(reader.string("fault"));
    const did = await fault.inject(stack, reader);
    return did === null ? { status: 404, body: { error: `nothing to do it to: ${fault.needs}` } } : { status: 200, body: { did } };
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    return { status: 400, body: { ...toProblem(error), faults: faultNames } };
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let byteLength = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) continue;
    byteLength += part.length;
    if (byteLength > maxBodyBytes) throw new LongstreamError("request-too-large", `Cannot take a fault of over ${maxBodyBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
