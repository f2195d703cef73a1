/** Owns `nodeStreamHandler`: functions written for `awslambda.streamifyResponse`, unchanged, behind a gateway. */

import { setTimeout as sleep } from "node:timers/promises";
import type { LambdaHandler, ResponseStream } from "./acknowledge.ts";
import { streamHandler } from "./handler.ts";
import { AnswerStream, toError } from "./response-stream.ts";
import type { NodeResponseStream } from "./response-stream.ts";
import type { HandlerStream, LambdaContext, StreamHandlerOptions } from "./types.ts";
import { toUrlEvent } from "./url-event.ts";
import type { FunctionUrlEvent } from "./url-event.ts";

/**
 * As AWS calls it: the client's request as an event of a Function URL (payload format 2.0), and the Node Writable to
 * answer on. `stream`, which AWS does not pass, is there for `resume: "continue"` and the signal; a checkpoint would be bound to
 * what was read of the response stream, not to what was written.
 */
export type NodeStreamHandler = (
  event: FunctionUrlEvent,
  responseStream: NodeResponseStream,
  context: LambdaContext,
  stream: HandlerStream,
) => Promise<unknown>;

/** One whose arguments somebody else typed: `@types/aws-lambda`, or middy. It is called as every other. */
export type ForeignHandler = (...args: never[]) => unknown;

/**
 * Wraps a function written for `awslambda.streamifyResponse`, whether that marked it or not: its own stream, middy's with
 * `executionModeStreamifyResponse`, Hono's `streamHandle`.
 *
 * What it writes is answered as it comes: status, headers and cookies of `awslambda.HttpResponseStream.from`, else 200
 * with the content type that was set (`application/octet-stream`); of type `text/event-stream` as events with cursors,
 * anything else as bytes. Past what may be unacknowledged `write` gives false, and `drain` comes. The answer ends with
 * `end`: a handler may return before it, and what it does behind it is done in the same invocation. It fails the stream by
 * throwing before it has ended it, or by destroying it. When the attempt is over before the answer is (a handover, a
 * cancel), its stream is destroyed.
 *
 * A later attempt runs it again from the start with the same event but for its time, and what is stored of the answer is
 * compared and dropped. So it comes no further than one Lambda does, unless it repeats itself faster than it went the
 * first time; with `resume: "continue"` it writes only what follows `stream.resume.seq`.
 */
export function nodeStreamHandler(handler: NodeStreamHandler, options?: StreamHandlerOptions): LambdaHandler;
export function nodeStreamHandler(handler: ForeignHandler, options?: StreamHandlerOptions): LambdaHandler;
export function nodeStreamHandler(handler: NodeStreamHandler | ForeignHandler, options: StreamHandlerOptions = {}): LambdaHandler {
  const calls = new WeakMap<LambdaContext, Call>();
  const run = streamHandler(async (request, stream) => {
    const call = begin(handler, await toEvent(request, stream.id), stream);
    calls.set(stream.context, call);
    return call.answer.response();
  }, options);
  const andAfter = async (event: unknown, ...rest: [LambdaContext] | [ResponseStream, LambdaContext]): Promise<void> => {
    await (rest.length === 1 ? run(event, rest[0]) : run(event, rest[0], rest[1]));
    const call = calls.get(rest.length === 1 ? rest[0] : rest[1]);
    if (call !== undefined) await returned(call);
  };
  // The mark by which AWS's client passes a stream.
  return Object.assign(andAfter, run);
}

interface Call {
  readonly answer: AnswerStream;
  readonly running: Promise<unknown>;
}

/** Longest wait for a handler whose attempt is over: it may not notice that its stream was destroyed. */
const endWaitMs = 2_000;
/** As `awslambda.streamifyResponse` keeps its option. */
const highWaterMarkKey = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

function begin(handler: NodeStreamHandler | ForeignHandler, event: FunctionUrlEvent, stream: HandlerStream): Call {
  const mark: unknown = Reflect.get(handler, highWaterMarkKey);
  const answer = new AnswerStream(typeof mark === "number" && mark > 0 ? mark : undefined);
  const stop = (): void => void answer.destroy(toError(stream.signal.reason));
  stream.signal.addEventListener("abort", stop, { once: true });
  const running = (async () => Reflect.apply(handler, undefined, [event, answer, stream.context, stream]) as unknown)();
  running.catch((error: unknown) => {
    if (!answer.writableEnded) answer.destroy(toError(error));
  });
  return { answer, running };
}

/** As on AWS, the invocation lasts until the handler has returned; what it throws behind its answer is logged, and no more. */
async function returned({ answer, running }: Call): Promise<void> {
  if (answer.writableFinished) await running;
  else await Promise.race([running.catch(() => undefined), sleep(endWaitMs, undefined, { ref: false })]);
}

/** The same for every attempt but for its time: the stream's id is the request's. */
async function toEvent(request: Request, streamId: string): Promise<FunctionUrlEvent> {
  const url = new URL(request.url);
  const given = Object.fromEntries(request.headers);
  const sourceIp = given["cf-connecting-ip"] ?? "";
  const forwarded = { "x-forwarded-proto": url.protocol.slice(0, -1), "x-forwarded-port": url.port || (url.protocol === "https:" ? "443" : "80") };
  return toUrlEvent({
    method: request.method,
    target: url.pathname + url.search,
    headers: { host: url.host, ...given, ...(sourceIp === "" ? {} : { "x-forwarded-for": sourceIp }), ...forwarded },
    body: new Uint8Array(await request.arrayBuffer()),
    protocol: "HTTP/1.1",
    sourceIp,
    domainName: url.host,
    accountId: "anonymous",
    requestId: streamId,
    nowMs: Date.now(),
  });
}
