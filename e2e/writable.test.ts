/** Functions written for `awslambda.streamifyResponse`, with AWS's own global: what they may do with their stream, and what not. */

import { describe, expect, test } from "vitest";
import { Reader, upTo } from "./support/reader.ts";
import { useRecords } from "./support/records.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const records = useRecords();
const stack = useStack({ fixtures: ["writable-cases", "writable-continues", "hono-aws"], functionEnv: records.env, lambdaTimeoutMs: 8_000 });
const at = (path: string): URL => new URL(path, stack.current.url);
const ask = async (name: string, init: RequestInit = {}): Promise<Response> => fetch(at(`/answers/writable-cases?case=${name}`), init);
const idOf = (response: Response): string => response.headers.get("stream-id") ?? "";
const killed = (id: string): number => stack.current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(`"${id}"`)).length;
const outcomeOf = async (id: string): Promise<string | undefined> =>
  waitFor("the invocation to end", () => {
    const outcome = stack.current.lambda.invocations().find(({ payload }) => JSON.stringify(payload).includes(`"${id}"`))?.outcome;
    return outcome === "running" || outcome === "queued" ? undefined : outcome;
  });

describe.concurrent("the event", () => {
  test("is that of a Function URL, made of the client's request", async () => {
    const response = await ask("event&a=1&b=x%20y&a=2", {
      method: "POST",
      body: '{"n":1}',
      headers: { "content-type": "application/json", cookie: "one=1; two=2", "X-Mine": "yes", "user-agent": "test/1" },
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    const { host, port } = stack.current.url;
    expect(await response.json()).toEqual({
      version: "2.0",
      routeKey: "$default",
      rawPath: "/answers/writable-cases",
      rawQueryString: "case=event&a=1&b=x%20y&a=2",
      cookies: ["one=1", "two=2"],
      headers: expect.objectContaining({ host, "content-type": "application/json", "x-mine": "yes", "x-forwarded-proto": "http", "x-forwarded-port": port }),
      queryStringParameters: { case: "event", a: "1,2", b: "x y" },
      requestContext: {
        accountId: "anonymous",
        apiId: expect.any(String),
        authentication: null,
        domainName: host,
        domainPrefix: expect.any(String),
        http: { method: "POST", path: "/answers/writable-cases", protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "test/1" },
        requestId: idOf(response),
        routeKey: "$default",
        stage: "$default",
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
      },
      body: '{"n":1}',
      isBase64Encoded: false,
    });
  });

  test.each([
    [{ body: new Uint8Array([0, 255, 10]), headers: { "content-type": "image/png" } }, { body: "AP8K", isBase64Encoded: true }],
    [{ body: "text" }, { body: "text", isBase64Encoded: false }],
    [{}, { isBase64Encoded: false }],
  ])("has a body as AWS words it (%#)", async (init, expected) => {
    const event: unknown = await (await ask("event", { method: "POST", ...init })).json();
    expect(event).toMatchObject(expected);
    expect(Object.hasOwn(event ?? {}, "body")).toBe("body" in expected);
  });
});

describe.concurrent("the answer", () => {
  test.each([
    ["plain", 200, "application/octet-stream", [], "hello"],
    ["empty-end", 200, "application/octet-stream", [], ""],
    ["head-and-end", 404, "text/plain", ["a=1", "b=2"], "not here"],
    ["head-alone", 202, "text/plain", ["a=1", "b=2"], ""],
    ["bodiless", 204, "text/plain", ["a=1", "b=2"], ""],
    ["late", 200, "text/plain", ["a=1", "b=2"], upTo(20).map((line) => `line ${line}\n`).join("")],
  ] as const)("%s", async (name, status, type, cookies, body) => {
    const response = await ask(name);
    expect([response.status, response.headers.get("content-type"), response.headers.getSetCookie()]).toEqual([status, type, cookies]);
    expect(await response.text()).toBe(body);
    expect(await waitForStatus(stack.current.url, idOf(response), ({ phase }) => phase === "ended")).toMatchObject({ outcome: "completed" });
    expect(await outcomeOf(idOf(response))).toBe("success");
  });

  test("of 4 MB waits for the log again and again", async () => {
    const response = await ask("backpressure");
    expect((await response.arrayBuffer()).byteLength).toBe(4_194_304);
    await outcomeOf(idOf(response));
    expect(Number(records.of(idOf(response))[0]?.["waits"])).toBeGreaterThan(10);
  });

  test("of type text/event-stream becomes events with cursors; ids of its own are the sourceId", async () => {
    const reader = await Reader.readAll(at("/answers/writable-cases?case=events&n=20"));
    expect(reader.numbers).toEqual(upTo(20));
    expect(reader.ids).toEqual(upTo(20).map((n) => `${reader.streamId}-${n}`));
    expect(reader.control("longstream.end")).toEqual({ outcome: "completed" });
  });

  test("ends with its end; what the handler does behind it is done in the same invocation, and cannot fail it", async () => {
    const response = await ask("after");
    expect(await response.text()).toBe("done");
    expect(await waitForStatus(stack.current.url, idOf(response), ({ phase }) => phase === "ended")).toMatchObject({ outcome: "completed" });
    expect(await outcomeOf(idOf(response))).toBe("success");
    expect(records.of(idOf(response))).toEqual([{ stream: idOf(response), after: true }]);
  });
});

describe.concurrent("P3: a handler that fails its stream is told of, and never looks complete", () => {
  test.each([
    ["throw-first", "handler-failed", "before the first byte"],
    ["bad-prelude", "bad-handler-result", "does not begin with JSON with a statusCode of 200 to 599 and 8 NUL bytes"],
  ])("%s: before the head, by a 502", async (name, code, words) => {
    const response = await ask(name);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code, detail: expect.stringContaining(words) });
  });

  test.each([
    ["throw-later", "half way"],
    ["destroy", "no such luck"],
    ["write-after-end", "write after end"],
  ])("%s: behind it, by a body that breaks off", async (name, words) => {
    const response = await ask(name);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
    const { outcome, error } = await waitForStatus(stack.current.url, idOf(response), ({ phase }) => phase === "ended");
    expect([outcome, error]).toEqual(["failed", { code: "handler-failed", message: words }]);
    expect(await outcomeOf(idOf(response))).not.toBe("success");
  });
});

describe.concurrent("P5, P8: an attempt that is over", () => {
  test("by cancel, has its stream closed, and its invocation succeeds", async () => {
    const response = await ask("hang");
    await fetch(at(`/streams/${idOf(response)}/cancel`), { method: "POST" });
    expect(await response.text()).toBe("held");
    expect(await outcomeOf(idOf(response))).toBe("success");
    expect(records.of(idOf(response))).toEqual([{ stream: idOf(response), closed: true }]);
  });

  test("by a kill, is run again and repeats itself: each event once", async () => {
    const reader = await Reader.open(at("/answers/writable-cases?case=events&n=150"));
    await reader.seen(10);
    expect(killed(reader.streamId)).toBe(1);
    expect(await reader.ended).toBe("clean");
    expect(reader.numbers).toEqual(upTo(150));
    expect((await statusOf(stack.current.url, reader.streamId)).attempt).toBeGreaterThan(1);
  });

  test("by its time limit, is followed by one that repeats itself: each event once", { timeout: 90_000 }, async () => {
    const reader = await Reader.readAll(at("/answers/writable-cases?case=events&n=1200"));
    expect(reader.numbers).toEqual(upTo(1_200));
    const { attempt, outcome } = await statusOf(stack.current.url, reader.streamId);
    expect([outcome, attempt > 1]).toEqual(["completed", true]);
  });

  test("by its time limit, with resume continue, is gone on with behind its last byte", { timeout: 90_000 }, async () => {
    const response = await fetch(at("/answers/writable-continues?n=1200"));
    expect(await response.text()).toBe("0123456789".repeat(120));
    const { attempt, outcome } = await statusOf(stack.current.url, idOf(response));
    expect([outcome, attempt > 1]).toEqual(["completed", true]);
  });

  test("by a kill, in Hono's own adapter for AWS, is run again: each byte once", async () => {
    const response = await fetch(at("/answers/hono-aws?say=hello"), { method: "POST", body: "you" });
    expect([response.status, response.headers.getSetCookie()]).toEqual([200, ["a=1; Path=/"]]);
    let text = "";
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      if (text.length < 100 && text.length + part.length >= 100) expect(killed(idOf(response))).toBe(1);
      text += part;
    }
    expect(text).toBe(upTo(60).map((n) => `hello you ${n}\n`).join(""));
    expect((await statusOf(stack.current.url, idOf(response))).attempt).toBeGreaterThan(1);
  });

  test("by a kill, with resume continue, is gone on with behind its last byte", async () => {
    const response = await fetch(at("/answers/writable-continues?n=120"));
    let text = "";
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      if (text.length < 20 && text.length + part.length >= 20) expect(killed(idOf(response))).toBe(1);
      text += part;
    }
    expect(text).toBe("0123456789".repeat(12));
    const starts = records.of(idOf(response)).map(({ attempt, from }) => [attempt, from]);
    expect(starts.slice(0, 2)).toEqual([[1, 0], [2, expect.any(Number)]]);
    expect(Number(starts[1]?.[1])).toBeGreaterThanOrEqual(20);
  });
});
