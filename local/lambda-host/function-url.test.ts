/** Owns the conformance tests of Function URLs, over HTTP as a client would. */
import { AwsClient } from "aws4fetch";
import { expect, test, vi } from "vitest";
import { credentials, fixtures, open, region, scratchFile, testHost, until, untilState } from "./testing.ts";
import type { TestHost } from "./testing.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const aws = new AwsClient({ ...credentials, region, service: "lambda", retries: 0 });
const at = (host: TestHost, path: string): string => `${host.url}/url/${path}`;
const internalServerError = { status: 502, text: "Internal Server Error" };

async function jsonOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const value: unknown = await response.json();
  return typeof value === "object" && value !== null ? { ...value } : {};
}

async function post(url: string, body: object): Promise<Response> {
  return aws.fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}

async function answerOf(response: Response): Promise<{ status: number; text: string }> {
  return { status: response.status, text: await response.text() };
}

/** Reads until the text is there, and no further. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  let text = "";
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the body ended with ${JSON.stringify(text)}`);
    text += Buffer.from(value).toString();
  }
  return text;
}

test("the function gets the request in payload format 2.0", async () => {
  const host = await testHost();
  const response = await aws.fetch(at(host, "echo:live/my/path?a=1&a=2&b=%20x"), {
    method: "PUT", body: '{"n":1}', headers: { "Content-Type": "application/json", Cookie: "c=1; d=2", "X-Own": "own" },
  });
  expect(response.status).toBe(200);
  const answer = await jsonOf(response);
  expect(answer["event"]).toMatchObject({
    version: "2.0",
    routeKey: "$default",
    rawPath: "/my/path",
    rawQueryString: "a=1&a=2&b=%20x",
    cookies: ["c=1", "d=2"],
    headers: { "content-type": "application/json", "x-own": "own" },
    queryStringParameters: { a: "1,2", b: " x" },
    requestContext: {
      accountId: "000000000000",
      authorizer: { iam: { accessKey: "AKIDLOCAL" } },
      domainName: `echo.lambda-url.${region}.on.aws`,
      http: { method: "PUT", path: "/my/path", protocol: "HTTP/1.1", sourceIp: "127.0.0.1" },
      requestId: answer["requestId"],
      stage: "$default",
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
    },
    body: '{"n":1}',
    isBase64Encoded: false,
  });
  expect(answer["event"]).not.toHaveProperty("headers.cookie");
  expect(answer["arn"]).toBe(`arn:aws:lambda:${region}:000000000000:function:echo:live`);
  expect(response.headers.get("x-amzn-requestid")).toBe(answer["requestId"]);
  expect(host.invocations()).toMatchObject([{ functionName: "echo", requestId: answer["requestId"], outcome: "success" }]);
});

test("a body that is not known to be text comes in base64, and none does not come", async () => {
  const host = await testHost();
  const event = async (init: RequestInit) => (await jsonOf(await aws.fetch(at(host, "echo"), init)))["event"];
  expect(await event({ method: "POST", body: new Uint8Array([0, 255]), headers: { "Content-Type": "application/octet-stream" } })).toMatchObject({ body: "AP8=", isBase64Encoded: true });
  const bare = await event({ method: "GET" });
  expect(bare).toMatchObject({ rawPath: "/", rawQueryString: "", isBase64Encoded: false });
  expect(bare).not.toHaveProperty("body");
  expect(bare).not.toHaveProperty("queryStringParameters");
});

test("BUFFERED: status, headers, cookies and body are the function's", async () => {
  const host = await testHost();
  const response = await aws.fetch(at(host, "shaped/"));
  expect(await answerOf(response)).toEqual({ status: 201, text: "hello" });
  expect(response.headers.getSetCookie()).toEqual(["a=1; Secure", "b=2"]);
  expect([response.headers.get("x-own"), response.headers.get("content-type")]).toEqual(["1", "application/json"]);
});

test("RESPONSE_STREAM: head and body come as the function produces them", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const response = await aws.fetch(at(host, `page/a/b?gate=${gate}`), { method: "POST", body: "x" });
  expect(response.status).toBe(203);
  expect(response.headers.getSetCookie()).toEqual(["a=1; Secure", "b=2"]);
  expect([response.headers.get("content-type"), response.headers.get("x-own")]).toEqual(["text/html", "1"]);
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("no body");
  expect(await readUntil(reader, "b")).toBe("<p>POST /a/b");
  expect(host.invocationCounts()).toMatchObject({ running: 1 });
  open(gate);
  expect(await readUntil(reader, "</p>")).toBe("</p>");
  expect(await reader.read()).toEqual({ done: true, value: undefined });
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 1, running: 0 }));
});

test("RESPONSE_STREAM: a response that has ended leaves its function working, until it asks for more", async () => {
  const host = await testHost({ maxConcurrency: 1 });
  const gate = scratchFile("gate");
  const call = () => post(at(host, "early/"), { gate });
  expect(await answerOf(await call())).toEqual({ status: 202, text: "\n" });
  expect(host.environments()).toMatchObject([{ state: "busy" }]);
  const refused = await call();
  expect([refused.status, refused.headers.get("x-amzn-errortype")]).toEqual([429, "TooManyRequestsException"]);
  open(gate);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 1, running: 0 }));
  expect((await call()).status).toBe(202);
});

test("RESPONSE_STREAM: behind an ended response, an error is lost to AWS's client, and an exit is a crash", async () => {
  const host = await testHost();
  // Behind the answer, not beside it: a process that exits may take with it what it has not sent yet.
  const call = async (fail: string) => {
    const gate = scratchFile(`gate-${fail}`);
    const { status } = await post(at(host, "early/"), { gate, fail });
    open(gate);
    return status;
  };
  expect(await call("throw")).toBe(202);
  await until(() => expect(host.invocations()).toMatchObject([{ outcome: "success" }]));
  expect(await call("exit")).toBe(202);
  await until(() => expect(host.invocations().at(-1)).toMatchObject({ outcome: "crash", error: { errorType: "Runtime.ExitError" } }));
});

test.each(["throw", "exit"])("RESPONSE_STREAM: %s after the head cuts the connection, and the invocation has failed", async (fail) => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const response = await aws.fetch(at(host, `page/?gate=${gate}&fail=${fail}`));
  expect(response.status).toBe(203);
  open(gate);
  await expect(response.text()).rejects.toThrow("terminated");
  const error = fail === "throw" ? { errorType: "RangeError", errorMessage: "half way" } : { errorType: "Runtime.ExitError" };
  await until(() => expect(host.invocations()).toMatchObject([{ outcome: fail === "throw" ? "error" : "crash", error }]));
});

test("RESPONSE_STREAM: without a prelude it is 200 with the content type that was set", async () => {
  const host = await testHost();
  const typed = await aws.fetch(at(host, "raw?type=text/plain&text=hello"));
  expect([typed.headers.get("content-type"), await answerOf(typed)]).toEqual(["text/plain", { status: 200, text: "hello" }]);
  const untyped = await aws.fetch(at(host, "raw?text=hello"));
  expect([untyped.headers.get("content-type"), await answerOf(untyped)]).toEqual(["application/octet-stream", { status: 200, text: "hello" }]);
  expect(await answerOf(await aws.fetch(at(host, "raw?type=text/plain")))).toEqual({ status: 200, text: "" });
});

test("RESPONSE_STREAM: what a handler returns that does not stream is passed on as it is", async () => {
  const shaped = { taskRoot: fixtures, handler: "index.status", functionUrl: "RESPONSE_STREAM" } as const;
  const host = await testHost({ functions: { shaped } });
  const response = await post(at(host, "shaped"), { status: 418 });
  expect([response.headers.get("content-type"), await answerOf(response)]).toEqual(["application/json", { status: 200, text: '{"statusCode":418}' }]);
});

test("RESPONSE_STREAM: a prelude that is none is 502", async () => {
  const host = await testHost();
  const type = encodeURIComponent("application/vnd.awslambda.http-integration-response");
  for (const text of ["hello||||||||", '{"statusCode":1}||||||||', '{"headers":{"a b":"1"}}||||||||']) {
    expect(await answerOf(await aws.fetch(at(host, `raw?type=${type}&text=${encodeURIComponent(text)}`)))).toEqual(internalServerError);
  }
  const written = encodeURIComponent('{"statusCode":418}||||||||body');
  expect(await answerOf(await aws.fetch(at(host, `raw?type=${type}&text=${written}`)))).toEqual({ status: 418, text: "body" });
});

test("RESPONSE_STREAM: a slow reader slows the function down, and one that leaves does not stop it", async () => {
  const host = await testHost();
  const bytes = 32 * 1024 * 1024;
  const slow = await aws.fetch(at(host, `raw?bytes=${bytes}`));
  await until(() => expect(host.invocationCounts()).toMatchObject({ running: 1 }));
  expect((await slow.arrayBuffer()).byteLength).toBe(bytes);
  const left = await aws.fetch(at(host, `raw?bytes=${bytes}`));
  await left.body?.cancel();
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 2, running: 0 }));
});

test.each(["failing", "throwing", "leaving"])("a function that fails before its first byte is 502, without its error: %s", async (name) => {
  const host = await testHost();
  expect(await answerOf(await aws.fetch(at(host, `${name}/`)))).toEqual(internalServerError);
  expect(host.invocations()).toMatchObject([{ outcome: name === "leaving" ? "crash" : "error" }]);
});

test("BUFFERED: a status that is none is 502", async () => {
  const host = await testHost();
  expect(await answerOf(await post(at(host, "status"), { status: "no" }))).toEqual(internalServerError);
  expect(await answerOf(await post(at(host, "status"), { status: 204 }))).toEqual({ status: 204, text: "" });
});

test("the time limit is 502", async () => {
  const host = await testHost({ timeoutMs: 500 });
  expect(await answerOf(await aws.fetch(at(host, "forever/")))).toEqual(internalServerError);
  expect(host.invocationCounts()).toMatchObject({ timeout: 1 });
});

test("unsigned is 403 Forbidden, a wrong secret 403 InvalidSignatureException", async () => {
  const host = await testHost();
  const unsigned = await fetch(at(host, "echo/"));
  expect([unsigned.status, unsigned.headers.get("x-amzn-errortype")]).toEqual([403, "AccessDeniedException"]);
  expect(await unsigned.json()).toEqual({
    Message: "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
  });
  const other = new AwsClient({ ...credentials, secretAccessKey: "other", region, service: "lambda", retries: 0 });
  const wrong = await other.fetch(at(host, "echo/"), { method: "POST", body: "{}" });
  expect([wrong.status, wrong.headers.get("x-amzn-errortype")]).toEqual([403, "InvalidSignatureException"]);
  expect(host.invocations()).toEqual([]);
});

test("a function without a URL, and one that is not there, are 404", async () => {
  const host = await testHost();
  for (const name of ["streaming/", "nowhere/", "", "echo~"]) {
    const response = await aws.fetch(at(host, name));
    expect([name, response.status, response.headers.get("x-amzn-errortype")]).toEqual([name, 404, "ResourceNotFoundException"]);
  }
});

test("a request over 6 MiB is 413", async () => {
  const host = await testHost();
  const response = await aws.fetch(at(host, "echo/"), { method: "POST", body: "x".repeat(6 * 1024 * 1024 + 1) });
  expect(response.status).toBe(413);
});

test("faults: refusals and delays apply, a duplicate waits for an event", async () => {
  const host = await testHost();
  host.faults.refuseNext({ functionName: "shaped", status: 429 });
  host.faults.delayNext({ functionName: "shaped", delayMs: 300 });
  host.faults.duplicateNext({ functionName: "shaped" });
  expect((await aws.fetch(at(host, "shaped/"))).status).toBe(429);
  const sentMs = Date.now();
  expect((await aws.fetch(at(host, "shaped/"))).status).toBe(201);
  // A millisecond for the rounding of two clocks.
  expect((host.invocations()[0]?.startedAtMs ?? 0) - sentMs).toBeGreaterThanOrEqual(299);
  expect(host.invocations()).toHaveLength(1);
  expect(host.faults.armed()).toMatchObject([{ kind: "duplicate" }]);
});

test("faults: killed, a function that has answered is a crash, one that has not is 502", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const answered = await post(at(host, "early/"), { gate });
  expect(answered.status).toBe(202);
  const waiting = aws.fetch(at(host, "forever/"));
  await untilState(host, "busy", 2);
  expect(host.faults.kill(() => true)).toHaveLength(2);
  expect(await answerOf(await waiting)).toEqual(internalServerError);
  await until(() => expect(host.invocationCounts()).toMatchObject({ crash: 2, running: 0 }));
});

test("through the Invoke API a streaming handler works as any other", async () => {
  const host = await testHost();
  const event = { rawPath: "/", requestContext: { http: { method: "GET" } } };
  const answer = await host.invoke("page", event);
  expect(answer.text).toBe('{"statusCode":203,"headers":{"Content-Type":"text/html","X-Own":"1"},"cookies":["a=1; Secure","b=2"]}\0\0\0\0\0\0\0\0<p>GET /</p>');
  expect((await host.invoke("page", event, "Event")).status).toBe(202);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 2, queued: 0, running: 0 }));
});
