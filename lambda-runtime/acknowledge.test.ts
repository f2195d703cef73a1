/** Owns the tests of how an invocation is answered, by what AWS's client passes to a handler. */

import { describe, expect, test, vi } from "vitest";
import type { Invocation } from "../protocol/invocation.ts";
import { answering } from "./acknowledge.ts";
import type { ResponseStream } from "./acknowledge.ts";
import type { LambdaContext } from "./types.ts";

const invocation: Invocation = { longstream: 1, stream: "s1", attempt: 1, url: "https://g.example/streams/s1", ticket: "t1" };
const context: LambdaContext = { awsRequestId: "r1", functionName: "f", getRemainingTimeInMillis: () => 60_000 };
const request = { rawPath: "/", requestContext: {}, body: JSON.stringify(invocation), isBase64Encoded: false };
const mark = Symbol.for("aws.lambda.runtime.handler.streaming");

function recorder(): { stream: ResponseStream; log: string[] } {
  const log: string[] = [];
  const stream: ResponseStream = {
    setContentType: (contentType) => log.push(`type ${contentType}`),
    write: (text, _encoding, written) => {
      log.push(`write ${JSON.stringify(text)}`);
      written();
    },
    end: (text, finished) => {
      log.push(`end ${JSON.stringify(text)}`);
      finished?.();
    },
  };
  return { stream, log };
}

describe("an invocation is answered", () => {
  test("through the Invoke API at its end, as if the handler had returned nothing", async () => {
    const { stream, log } = recorder();
    await answering(async (read) => void log.push(`run ${read.stream}`))(invocation, stream, context);
    expect(log).toEqual(["run s1", "type application/json", 'end "null"']);
  });

  test("through a Function URL before it begins, with 202 and a byte", async () => {
    const { stream, log } = recorder();
    await answering(async (read) => void log.push(`run ${read.stream}`))(request, stream, context);
    const head = String.raw`end "{\"statusCode\":202}\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\n"`;
    expect(log).toEqual(["type application/vnd.awslambda.http-integration-response", head, "run s1"]);
  });

  test("by its return where the client passes no stream", async () => {
    const log: string[] = [];
    const handler = answering(async (read, given) => void log.push(`${read.stream} ${given.awsRequestId}`));
    await handler(invocation, context);
    await handler(request, context);
    expect(log).toEqual(["s1 r1", "s1 r1"]);
  });

  test("with the error once the response has begun, so that nothing overtakes it", async () => {
    const { stream, log } = recorder();
    const handler = answering(async () => Promise.reject(new TypeError("upstream was gone")));
    await expect(handler(invocation, stream, context)).rejects.toThrow(new TypeError("upstream was gone"));
    await expect(handler({ key1: "value1" }, stream, context)).rejects.toThrow("not invoked by a Longstream gateway");
    expect(log).toEqual(['write ""', 'write ""']);
  });

  test("with a crash once a Function URL was answered: AWS's client has no other way left", async () => {
    const exit = vi.spyOn(process, "exit").mockImplementation(() => {
      throw new Error("exit");
    });
    const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const thrown = new TypeError("upstream was gone");
    await expect(answering(async () => Promise.reject(thrown))(request, recorder().stream, context)).rejects.toThrow("exit");
    expect(exit).toHaveBeenCalledWith(1);
    expect(said).toHaveBeenCalledWith("Invoke Error", thrown);
    vi.restoreAllMocks();
  });
});

describe("the handler", () => {
  test("is marked as streaming, and has no third parameter that would pass for a callback", () => {
    const handler = answering(async () => undefined);
    expect(Reflect.get(handler, mark)).toBe("response");
    expect(handler).toHaveLength(1);
  });

  test("is not marked on Managed Instances, whose response streams would wait for one another", () => {
    vi.stubEnv("AWS_LAMBDA_MAX_CONCURRENCY", "10");
    expect(Reflect.get(answering(async () => undefined), mark)).toBeUndefined();
    vi.unstubAllEnvs();
  });
});
