/** Owns the control port: faults by HTTP, each answered with what it did. */

import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import { JsonReader } from "../protocol/json.ts";
import { LongstreamError, toProblem } from "../protocol/errors.ts";
import { findFault, faultNames } from "./faults.ts";
import { listen, portOf } from "./proxy.ts";
import type { Stack } from "./stack.ts";

export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

const maxBodyBytes = 16 * 1024;

/** `POST /faults` with `{"fault": name, "stream": id?, ...}`. */
export async function startControl(stack: Stack, port: number): Promise<Control> {
  const server: Server = createServer((request, response) => {
    answer(stack, request).then(
      ({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`),
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

async function answer(stack: Stack, request: IncomingMessage): Promise<Answer> {
  if (request.method !== "POST" || request.url !== "/faults") {
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
