/** Owns the Lambda Runtime API (2018-06-01) of one execution environment. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { closeServer, listen, readBody } from "./http.ts";
import { failed, postedError } from "./invocation.ts";
import type { Invocation, ResponseSink, Result } from "./invocation.ts";
import { limits } from "./limits.ts";

/** What the runtime does, told to the environment. */
export interface RuntimeCalls {
  next(): void;
  /** Where a streamed response of this invocation goes; undefined where it is to be collected. */
  sink(requestId: string): ResponseSink | undefined;
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
  const posts = new Set<Promise<void>>();
  const server = createServer({ maxHeaderSize: limits.trailerBytes }, (request, reply) => {
    // A reader that fails has lost its runtime; the exit of the child settles the invocation.
    const serving = serve(request, reply, calls, { park, posts })
      .catch(() => {
        reply.destroy();
      })
      .finally(() => posts.delete(serving));
    if (request.method === "POST") posts.add(serving);
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

interface Waiting {
  readonly park: (reply: ServerResponse) => void;
  readonly posts: ReadonlySet<Promise<void>>;
}

async function serve(request: IncomingMessage, reply: ServerResponse, calls: RuntimeCalls, { park, posts }: Waiting): Promise<void> {
  const route = parseRoute(request);
  switch (route.name) {
    case "next":
      // The client does not wait for the response of a streaming handler that threw: it is still being read.
      await Promise.all(posts);
      park(reply);
      return;
    case "init-error":
      accept(reply);
      calls.initError(postedError("init-error", await bodyOf(request)));
      return;
    case "response":
    case "error": {
      const result = await readResult(request, route, calls);
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

async function readResult(request: IncomingMessage, route: Route & { name: "response" | "error" }, calls: RuntimeCalls): Promise<Result> {
  const streamed = request.headers["lambda-runtime-function-response-mode"] === "streaming";
  const sink = route.name === "response" && streamed ? calls.sink(route.requestId) : undefined;
  if (sink !== undefined) return passOn(request, sink);
  const maxBytes = streamed ? limits.streamedResponseBytes : limits.responseBytes;
  const body = await readBody(request, maxBytes);
  if (body.type === "too-large") return tooLarge(maxBytes);
  return route.name === "error" ? postedError("error", body.bytes) : completed(request, body.bytes);
}

/** To its end, whatever its size: a runtime whose response is cut off would fail in another way than on AWS. */
async function passOn(request: IncomingMessage, sink: ResponseSink): Promise<Result> {
  sink.begin(request.headers["content-type"] ?? "application/octet-stream");
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes <= limits.passedOnResponseBytes) await sink.write(chunk);
  }
  const result = bytes > limits.passedOnResponseBytes ? tooLarge(limits.passedOnResponseBytes) : completed(request, Buffer.alloc(0));
  sink.end(result);
  return result;
}

function tooLarge(maxBytes: number): Result {
  const message = `Response payload size exceeded maximum allowed payload size (${maxBytes} bytes).`;
  return failed("error", "Function.ResponseSizeTooLarge", message);
}

/** Once its body is read, and with it the trailers. */
function completed(request: IncomingMessage, body: Buffer): Result {
  // A streaming function that fails after its first byte says so in trailers.
  const trailer = request.trailers["lambda-runtime-function-error-body"];
  if (trailer !== undefined) return postedError("error", Buffer.from(trailer, "base64"));
  const contentType = request.headers["content-type"] ?? "application/json";
  return { outcome: "success", body, contentType };
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
    ...(invocation.tenantId === undefined ? {} : { "Lambda-Runtime-Aws-Tenant-Id": invocation.tenantId }),
  };
}

function accept(reply: ServerResponse): void {
  reply.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
}

function refuse(reply: ServerResponse, status: number, errorType: string): void {
  reply.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ errorType, errorMessage: errorType }));
}
