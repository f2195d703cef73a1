/** The promises again, with functions that are invoked through their URLs and acknowledge early. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { streamOfPayload } from "../local/faults.ts";
import type { EnvironmentMatch, InvocationInfo } from "../local/lambda-host/index.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const region = "us-east-1";
const byUrl = (path: string, name: string): object => ({ path, kind: "events", functionUrl: `https://${name}.lambda-url.${region}.on.aws/`, region });

/** Answers as a function whose response goes on and on, and notes how long it was listened to. */
const listenedMs: number[] = [];
const endless = createServer((_request, response) => {
  const startedAt = Date.now();
  response.once("close", () => listenedMs.push(Date.now() - startedAt)).writeHead(202).write("\n");
});
/** Workerd gives a response up that nobody reads when it has been idle for 10 s (2026-11). */
const givenUpMs = 10_000;
await new Promise<void>((resolve) => endless.listen(0, "127.0.0.1", () => resolve()));
afterAll(() => {
  endless.closeAllConnections();
  endless.close();
});

const stack = useStack({
  lambdaTimeoutMs: 8_000,
  routes: [
    byUrl("/url/count", "count"),
    byUrl("/url/crash", "crash"),
    byUrl("/url/shapes", "shapes"),
    { ...byUrl("/quick/url", "count"), settings: { attemptStartMs: 1_500 } },
    { path: "/api/tenant", kind: "events", function: "count", region, qualifier: "live", tenantId: "blue" },
    { path: "/url/endless", kind: "events", functionUrl: `http://127.0.0.1:${portOf(endless.address())}/`, region },
  ],
});
const refusing = useStack({ routes: [byUrl("/url/count", "count")], vars: { AWS_SECRET_ACCESS_KEY: "another-secret" } });

const at = (path: string): URL => new URL(path, stack.current.url);
const ofStream = (id: string): readonly InvocationInfo[] => stack.current.lambda.invocations().filter(({ payload }) => streamOfPayload(payload) === id);
const matching = (id: string): EnvironmentMatch => ({ payload }) => streamOfPayload(payload) === id;
const outcomesOf = async (id: string): Promise<readonly string[]> =>
  waitFor("every invocation to end", () => {
    const all = ofStream(id).map(({ outcome }) => outcome);
    return all.every((outcome) => outcome !== "running" && outcome !== "queued") ? all : undefined;
  });

/** A chain waits for time limits most of its time: the tests run side by side. */
describe.concurrent("through Function URLs", () => {
  test("a stream completes; its function was called once, over HTTP, and acknowledged early", async () => {
    const reader = await Reader.open(at("/url/count?n=60&intervalMs=20"));
    await reader.seen(5);
    const [running] = ofStream(reader.streamId);
    expect(running).toMatchObject({ type: "RequestResponse", outcome: "running", payload: { version: "2.0", requestContext: { http: { method: "POST" } } } });
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(60));
    expect(await outcomesOf(reader.streamId)).toEqual(["success"]);
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(1);
  });

  test.each(["exit", "reject", "kill"])("P5: a Lambda that dies by %s is replaced; the reader sees a pause", async (how) => {
    const reader = await Reader.readAll(at(`/url/crash?how=${how}&n=20&at=8`));
    expect(reader.numbers).toEqual(upTo(20));
    expect(await reader.ended).toBe("clean");
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(2);
    expect(await outcomesOf(reader.streamId)).toEqual(["crash", "success"]);
  });

  test("P5: a Lambda that is killed from outside is replaced", async () => {
    const reader = await Reader.open(at("/url/count?n=150&intervalMs=20"));
    await reader.seen(10);
    expect(stack.current.lambda.faults.kill(matching(reader.streamId))).toHaveLength(1);
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(150));
  });

  test("past the time limit: a chain of attempts behind one response, every invocation a success", { timeout: 90_000 }, async () => {
    const reader = await Reader.readAll(at("/url/count?n=400&intervalMs=50"));
    expect(reader.numbers).toEqual(upTo(400));
    expect(await reader.ended).toBe("clean");
    const { attempt } = await statusOf(stack.current.url, reader.streamId);
    expect(attempt).toBeGreaterThan(2);
    expect(new Set(await outcomesOf(reader.streamId))).toEqual(new Set(["success"]));
  });

  test("a handler that throws fails its stream, and its invocation too, although it was acknowledged", async () => {
    const reader = await Reader.readAll(at("/url/shapes?kind=throw"));
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "handler-failed", message: "the handler broke" } });
    expect(await outcomesOf(reader.streamId)).toEqual(["crash"]);
  });

  test("a handler that throws fails its invocation with its own error through the Invoke API, which shares it", async () => {
    const reader = await Reader.readAll(at("/api/count?n=x"));
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "handler-failed" } });
    await outcomesOf(reader.streamId);
    expect(ofStream(reader.streamId)).toMatchObject([{ type: "Event", outcome: "error", error: { errorType: "RangeError" } }]);
  });

  test("the object holds no connection to a function that has answered, while it waits for it", async () => {
    const reader = await Reader.open(at("/url/endless"));
    expect(await waitFor("the gateway to leave the response", () => listenedMs[0])).toBeLessThan(givenUpMs / 2);
    expect((await statusOf(stack.current.url, reader.streamId)).phase).toBe("pending");
    reader.leave();
    await fetch(at(`/streams/${reader.streamId}/cancel`), { method: "POST" });
  });

  test("through the Invoke API, qualifier and tenant reach the function", async () => {
    const reader = await Reader.readAll(at("/api/tenant?n=3"));
    expect(reader.numbers).toEqual(upTo(3));
    expect(ofStream(reader.streamId)).toMatchObject([{ tenantId: "blue", invokedArn: expect.stringMatching(/:function:count:live$/) }]);
  });
});

/** Alone: what is armed hits the next call, whoever makes it. */
describe("a call that is refused", () => {
  test("for now is made again by the next attempt", async () => {
    stack.current.lambda.faults.refuseNext({ functionName: "count", status: 429, times: 2 });
    const reader = await Reader.readAll(at("/url/count?n=5&intervalMs=0"));
    expect(reader.numbers).toEqual(upTo(5));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(3);
    expect(ofStream(reader.streamId)).toHaveLength(1);
  });

  test("for good ends the stream with what to check", async () => {
    stack.current.lambda.faults.refuseNext({ functionName: "count", status: 404 });
    const reader = await Reader.readAll(at("/url/count?n=5"));
    expect(JSON.stringify(reader.control("longstream.end"))).toMatch(/"code":"invoke-failed".*Lambda answered 404 .*check the route's functionUrl/);
  });

  test("for its signature ends the stream with what to check", async () => {
    const reader = await Reader.readAll(new URL("/url/count?n=5", refusing.current.url));
    const { error } = await waitForStatus(refusing.current.url, reader.streamId, ({ outcome }) => outcome !== null);
    expect(error?.code).toBe("invoke-failed");
    expect(error?.message).toMatch(
      /^Cannot invoke the Function URL http:\/\/127\.0\.0\.1:\d+\/url\/count\/ in us-east-1: Lambda answered 403 \(InvalidSignatureException: .*AWS keys.*lambda:InvokeFunctionUrl and lambda:InvokeFunction/,
    );
    expect(refusing.current.lambda.invocations()).toEqual([]);
  });

  test("P4: a call that is answered late starts an attempt that is fenced, and exits quietly", async () => {
    stack.current.lambda.faults.delayNext({ functionName: "count", delayMs: 3_000 });
    const reader = await Reader.readAll(at("/quick/url?n=150&intervalMs=20"));
    expect(reader.numbers).toEqual(upTo(150));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBe(2);
    await waitFor("both attempts to end", () => {
      const all = ofStream(reader.streamId);
      return all.length === 2 && all.every(({ outcome }) => outcome === "success") ? all : undefined;
    });
  });
});

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
