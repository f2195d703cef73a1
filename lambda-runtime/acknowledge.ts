/** Owns what the caller of an invocation is answered: at once through a Function URL, at the end through the Invoke API. */

import { cameByUrl, parseInvocation } from "../protocol/invocation.ts";
import type { Invocation } from "../protocol/invocation.ts";
import type { LambdaContext } from "./types.ts";

/** Where AWS's runtime client takes the response of a handler that is marked as streaming. */
export interface ResponseStream {
  setContentType(contentType: string): void;
  write(text: string, encoding: "utf8", written: () => void): unknown;
  end(text: string, finished?: () => void): unknown;
}

/** What the Lambda function exports; AWS's runtime client passes a stream where the handler is marked for one. */
export interface LambdaHandler {
  (event: unknown, context: LambdaContext): Promise<void>;
  (event: unknown, stream: ResponseStream, context: LambdaContext): Promise<void>;
}

/** As `awslambda.streamifyResponse` marks a handler; that global can be switched off. */
const streamingMark = Symbol.for("aws.lambda.runtime.handler.streaming");

/**
 * Makes a handler for both ways of invoking. It is marked as streaming, since nothing but a streamed response can be
 * ended before the handler is. Where it finds no mark (a wrapper lost it), the client passes no stream.
 */
export function answering(run: (invocation: Invocation, context: LambdaContext) => Promise<void>): LambdaHandler {
  // No third parameter: the client takes an unmarked handler that declares one for a callback handler, and refuses it.
  const handler = async (event: unknown, ...rest: [LambdaContext] | [ResponseStream, LambdaContext]): Promise<void> => {
    const [first, context = first] = rest;
    const stream = isContext(first) ? null : first;
    if (!isContext(context)) throw new TypeError("Cannot run the function: it was called without a context");
    if (stream === null) return run(parseInvocation(event), context);
    try {
      const invocation = parseInvocation(event);
      if (cameByUrl(event)) return await workOn(stream, () => run(invocation, context));
      await run(invocation, context);
    } catch (error) {
      await begun(stream);
      throw error;
    }
    // What a handler that is not marked answers with when it returns nothing. An empty response may hang (2024-01).
    stream.setContentType("application/json");
    stream.end("null");
  };
  return takesStreams() ? Object.assign(handler, { [streamingMark]: "response" }) : handler;
}

/**
 * Managed Instances run several invocations in a thread, and the client gives all their response streams one
 * connection: a second one would wait for the first to end (aws-lambda-ric 4.0.2, `maxSockets: 1`).
 */
function takesStreams(): boolean {
  return process.env["AWS_LAMBDA_MAX_CONCURRENCY"] === undefined;
}

/**
 * The client asks for the next invocation without waiting until it has sent an error, which a connection that is still
 * being made would let overtake it: the invocation would fail with another reason than its own.
 */
function begun(stream: ResponseStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", "utf8", resolve);
  });
}

/** The caller's answer, whole: small pieces of an open one may be held back for seconds. */
async function workOn(stream: ResponseStream, run: () => Promise<void>): Promise<void> {
  stream.setContentType("application/vnd.awslambda.http-integration-response");
  // Status, delimiter, body. The body has a byte, since an empty one keeps some callers waiting (2024-01).
  const ended = new Promise<void>((resolve) => {
    stream.end(`${JSON.stringify({ statusCode: 202 })}${"\0".repeat(8)}\n`, resolve);
  });
  try {
    await run();
  } catch (error) {
    // Once the response is ended the client has nowhere to put an error, and the invocation would count as a success.
    console.error("Invoke Error", error);
    await ended;
    process.exit(1);
  }
}

function isContext(value: LambdaContext | ResponseStream): value is LambdaContext {
  return "getRemainingTimeInMillis" in value;
}
