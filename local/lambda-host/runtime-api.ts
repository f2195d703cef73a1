/** Owns the Lambda Runtime API (2018-06-01) of one execution environment. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { closeServer, listen, readBody } from "./http.ts";
import { failed, postedError } from "./invocation.ts";
import type { Invocation, Result } from "./invocation.ts";
import { limits } from "./limits.ts";

/** What the runtime does, told to the environment. */
export interface RuntimeCalls {
  next(): void;
  /** Answers whether this is the request id that is being worked on. */
  result(requestId: string, result: Result): "accepted" | "unknown";
  initError(result: Result): void;
}

export interface RuntimeApi {
  readonly port: number;
  /** Gives an invocation to the runtime that waits in next. */
  answerNext(invocation: Invocation, deadlineMs: number): void;
  /** Resolves when everything a dead runtime had sent is read and its sockets are closed. */
  close(): Promise<void>;
}

type Route =
  | { readonly name: "next" | "init-error" | "unknown" }
  | { readonly name: "response" | "error"; readonly requestId: string };

export async function startRuntimeApi(calls: RuntimeCalls): Promise<RuntimeApi> {
  let parked: ServerResponse | undefined;
  const park = (reply: ServerResponse): void => {
    parked = reply;
    calls.next();
  };
  const server = createServer((request, reply) => {
    // A reader that fails has lost its runtime; the exit of the child settles the invocation.
    serve(request, reply, calls, park).catch(() => reply.destroy());
  });
  // A frozen runtime cannot see a connection being closed, and a streamed response may take as long as the invocation.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  const sockets = trackSockets(server);
  const port = await listen(server, 0);
  return {
    port,
    answerNext(invocation, deadlineMs) {
      parked?.writeHead(200, nextHeaders(invocation, deadlineMs)).end(invocation.body);
      parked = undefined;
    },
    async close() {
      await drain(sockets);
      await closeServer(server, 0);
    },
  };
}

function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** Waits until the sockets of a dead runtime have closed by themselves. Closing the server would first cut those that
 * look idle, and one that was just accepted does, with the last response still unread in it. */
async function drain(sockets: ReadonlySet<Socket>): Promise<void> {
  // One turn of the event loop accepts what is still in the backlog.
  await nextTurn();
  const bound = AbortSignal.timeout(limits.socketDrainMs);
  const closes = [...sockets].map((socket) => once(socket, "close", { signal: bound }));
  await Promise.allSettled(closes);
}

async function serve(
  request: IncomingMessage,
  reply: ServerResponse,
  calls: RuntimeCalls,
  park: (reply: ServerResponse) => void,
): Promise<void> {
  const route = parseRoute(request);
  switch (route.name) {
    case "next":
      park(reply);
      return;
    case "init-error":
      accept(reply);
      calls.initError(postedError("init-error", await bodyOf(request)));
      return;
    case "response":
    case "error": {
      const result = await readResult(request, route.name);
      if (calls.result(route.requestId, result) === "accepted") accept(reply);
      else refuse(reply, 400, "InvalidRequestID");
      return;
    }
    case "unknown":
      request.resume();
      refuse(reply, 404, "NotFound");
  }
}

function parseRoute(request: IncomingMessage): Route {
  const [, version, runtime, kind, id, action, ...rest] = (request.url ?? "").split("/");
  if (version !== "2018-06-01" || runtime !== "runtime" || rest.length > 0) return { name: "unknown" };
  if (request.method === "GET" && kind === "invocation" && id === "next" && action === undefined) {
    return { name: "next" };
  }
  if (request.method !== "POST") return { name: "unknown" };
  if (kind === "init" && id === "error" && action === undefined) return { name: "init-error" };
  if (kind !== "invocation" || id === undefined) return { name: "unknown" };
  return action === "response" || action === "error"
    ? { name: action, requestId: decodeURIComponent(id) }
    : { name: "unknown" };
}

async function readResult(request: IncomingMessage, kind: "response" | "error"): Promise<Result> {
  const mode = request.headers["lambda-runtime-function-response-mode"];
  const maxBytes = mode === "streaming" ? limits.streamedResponseBytes : limits.responseBytes;
  const body = await readBody(request, maxBytes);
  if (body.type === "too-large") {
    const message = `Response payload size exceeded maximum allowed payload size (${maxBytes} bytes).`;
    return failed("error", "Function.ResponseSizeTooLarge", message);
  }
  if (kind === "error") return postedError("error", body.bytes);
  // A streaming function that fails after its first byte says so in trailers.
  const trailer = request.trailers["lambda-runtime-function-error-body"];
  if (trailer !== undefined) return postedError("error", Buffer.from(trailer, "base64"));
  const contentType = request.headers["content-type"] ?? "application/json";
  return { outcome: "success", body: body.bytes, contentType };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const body = await readBody(request, limits.responseBytes);
  return body.type === "body" ? body.bytes : Buffer.alloc(0);
}

function nextHeaders(invocation: Invocation, deadlineMs: number): Record<string, string | number> {
  return {
    "Content-Type": "application/json",
    "Content-Length": invocation.body.length,
    "Lambda-Runtime-Aws-Request-Id": invocation.requestId,
    "Lambda-Runtime-Deadline-Ms": deadlineMs,
    "Lambda-Runtime-Invoked-Function-Arn": invocation.invokedArn,
  };
}

function accept(reply: ServerResponse): void {
  reply.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
}

function refuse(reply: ServerResponse, status: number, errorType: string): void {
  reply.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ errorType, errorMessage: errorType }));
}
