/** Owns the conformance tests of the Invoke API, called through AWS's own SDK. */
import { AwsClient } from "aws4fetch";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, test, vi } from "vitest";
import { clientOf, credentials, fixtures, open, refusalOf, region, scratchFile, testHost, until, untilState } from "./testing.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

test("a synchronous invocation answers 200 with what the handler returned", async () => {
  const host = await testHost();
  const answer = await host.invoke("echo", { n: 1, text: "ä\u{1F600}" });
  expect(answer).toMatchObject({ status: 200, functionError: undefined, version: "$LATEST" });
  expect(answer.json).toMatchObject({
    event: { n: 1, text: "ä\u{1F600}" },
    requestId: answer.requestId,
    arn: `arn:aws:lambda:${region}:000000000000:function:echo`,
  });
  expect(host.invocations()).toMatchObject([
    { functionName: "echo", requestId: answer.requestId, type: "RequestResponse", outcome: "success", pid: answer.json["pid"] },
  ]);
});

test("no payload is an empty object", async () => {
  const host = await testHost();
  expect((await host.invoke("echo")).json).toMatchObject({ event: {} });
});

test("an ARN and a qualifier name the function too", async () => {
  const host = await testHost();
  const client = clientOf(host.url, credentials);
  const arn = `arn:aws:lambda:${region}:123456789012:function:echo`;
  const answer = await client.send(new InvokeCommand({ FunctionName: arn, Qualifier: "live" }));
  expect(answer.Payload?.transformToString()).toContain(":function:echo:live");
  client.destroy();
});

test("a tenant reaches the function, and environments are not shared between tenants", async () => {
  const host = await testHost();
  const client = clientOf(host.url, credentials);
  const call = async (TenantId: string) => {
    const { Payload } = await client.send(new InvokeCommand({ FunctionName: "echo", TenantId }));
    const value: unknown = JSON.parse(Payload?.transformToString() ?? "");
    return typeof value === "object" && value !== null && "pid" in value && "tenantId" in value ? value : expect.fail("no answer of echo");
  };
  const blue = await call("blue");
  expect(blue).toMatchObject({ tenantId: "blue" });
  const green = await call("green");
  expect(green).toMatchObject({ tenantId: "green" });
  expect(green.pid).not.toBe(blue.pid);
  expect((await call("blue")).pid).toBe(blue.pid);
  expect(host.invocations().map(({ tenantId }) => tenantId)).toEqual(["blue", "green", "blue"]);
  client.destroy();
});

test("the child's environment has what AWS sets and what the function is given, nothing else of the parent's", async () => {
  vi.stubEnv("PARENTS_SECRET", "secret");
  const host = await testHost({ functions: { echo: { taskRoot: fixtures, handler: "index.echo", env: { OWN: "1" } } } });
  const { env } = (await host.invoke("echo")).json;
  expect(env).toMatchObject({ OWN: "1", AWS_REGION: region, AWS_LAMBDA_FUNCTION_NAME: "echo", _HANDLER: "index.echo" });
  expect(env).not.toHaveProperty("PARENTS_SECRET");
  vi.unstubAllEnvs();
});

test("an event is answered 202 with an empty body and runs", async () => {
  const host = await testHost();
  const gate = scratchFile("gate");
  const answer = await host.invoke("gated", { gate }, "Event");
  expect(answer).toMatchObject({ status: 202, text: "", functionError: undefined });
  await untilState(host, "busy");
  expect(host.environments()).toMatchObject([{ functionName: "gated", requestId: answer.requestId, payload: { gate } }]);
  open(gate);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 1, running: 0, queued: 0 }));
});

test("a dry run answers 204 and starts nothing", async () => {
  const host = await testHost();
  expect((await host.invoke("echo", {}, "DryRun")).status).toBe(204);
  expect(host.invocations()).toEqual([]);
});

test("an error of the handler is Unhandled, with type, message and trace", async () => {
  const host = await testHost();
  const answer = await host.invoke("failing", {});
  expect(answer).toMatchObject({ status: 200, functionError: "Unhandled", version: "$LATEST" });
  expect(answer.json).toMatchObject({ errorType: "RangeError", errorMessage: "no such luck" });
  expect(answer.json["trace"]).toContain("RangeError: no such luck");
  expect(host.invocations()).toMatchObject([{ outcome: "error", error: { errorType: "RangeError", errorMessage: "no such luck" } }]);
});

test("a streamed response is collected, and its failure after the first byte is an error", async () => {
  const host = await testHost();
  expect(await host.invoke("streaming", {})).toMatchObject({ status: 200, functionError: undefined, text: "one two" });
  const failed = await host.invoke("streaming", { fail: true });
  expect(failed).toMatchObject({ functionError: "Unhandled", json: { errorType: "RangeError", errorMessage: "half way" } });
});

test("a response over 6 MiB is an error of the function", async () => {
  const host = await testHost();
  expect((await host.invoke("large", { bytes: 6 * 1024 * 1024 - 2 })).functionError).toBeUndefined();
  const answer = await host.invoke("large", { bytes: 6 * 1024 * 1024 - 1 });
  expect(answer).toMatchObject({ functionError: "Unhandled", json: { errorType: "Function.ResponseSizeTooLarge" } });
});

test("the time limit ends the process, even one that spins", async () => {
  const spinning = { taskRoot: fixtures, handler: "index.spinning", timeoutMs: 250 };
  const host = await testHost({ functions: { spinning } });
  const answer = await host.invoke("spinning", {});
  expect(answer).toMatchObject({ status: 200, functionError: "Unhandled", json: { errorType: "Sandbox.Timedout" } });
  expect(answer.json["errorMessage"]).toContain("Task timed out after 0.25 seconds");
  expect(host.environments()).toEqual([]);
  expect(host.invocationCounts()).toMatchObject({ timeout: 1 });
});

test.each([
  [3, "Runtime exited with error: exit status 3"],
  [0, "Runtime exited without providing a reason"],
])("a process that exits with %i is a crash", async (code, message) => {
  const host = await testHost();
  const answer = await host.invoke("leaving", { code });
  expect(answer).toMatchObject({ functionError: "Unhandled", json: { errorType: "Runtime.ExitError" } });
  expect(answer.json["errorMessage"]).toContain(message);
  expect(host.invocationCounts()).toMatchObject({ crash: 1 });
});

test("a response that was sent counts, even if the process exits at once", async () => {
  const host = await testHost();
  for (let count = 1; count <= 5; count += 1) {
    expect(await host.invoke("leavingLater", {})).toMatchObject({ functionError: undefined, text: '"sent"' });
  }
  expect(host.invocationCounts()).toMatchObject({ success: 5, crash: 0 });
});

test.each([
  ["broken", "TypeError", "broken at load"],
  ["absent", "Runtime.HandlerNotFound", "index.absent is undefined or not exported"],
] as const)("a function that cannot be loaded is an init error: %s", async (name, errorType, errorMessage) => {
  const host = await testHost();
  const answer = await host.invoke(name, {});
  expect(answer).toMatchObject({ functionError: "Unhandled", json: { errorType, errorMessage } });
  expect(host.invocations()).toMatchObject([{ outcome: "init-error", error: { errorType } }]);
});

test("a task root that is not there is an init error", async () => {
  const host = await testHost({ functions: { echo: { taskRoot: "/nowhere/at/all", handler: "index.echo" } } });
  expect((await host.invoke("echo", {})).functionError).toBe("Unhandled");
  expect(host.invocationCounts()).toMatchObject({ "init-error": 1 });
});

test("an unknown function is 404 ResourceNotFoundException", async () => {
  const host = await testHost();
  expect(await refusalOf(host.invoke("nowhere", {}))).toEqual({
    name: "ResourceNotFoundException",
    message: `Function not found: arn:aws:lambda:${region}:000000000000:function:nowhere`,
    status: 404,
  });
});

test("a wrong secret is 403 InvalidSignatureException, a wrong key 403 UnrecognizedClientException", async () => {
  const host = await testHost();
  const call = (signedBy: typeof credentials) => {
    const client = clientOf(host.url, signedBy);
    return refusalOf(client.send(new InvokeCommand({ FunctionName: "echo" })).finally(() => client.destroy()));
  };
  expect(await call({ ...credentials, secretAccessKey: "other" })).toMatchObject({ name: "InvalidSignatureException", status: 403 });
  expect(await call({ ...credentials, accessKeyId: "other" })).toMatchObject({ name: "UnrecognizedClientException", status: 403 });
  const unsigned = await fetch(`${host.url}/2015-03-31/functions/echo/invocations`, { method: "POST", body: "{}" });
  expect([unsigned.status, unsigned.headers.get("x-amzn-errortype")]).toEqual([403, "MissingAuthenticationTokenException"]);
  expect(await unsigned.json()).toEqual({ message: "Missing Authentication Token" });
  expect(host.invocations()).toEqual([]);
});

test("aws4fetch, which the Worker uses, is understood", async () => {
  const host = await testHost();
  const aws = new AwsClient({ ...credentials, region, service: "lambda", retries: 0 });
  const call = (body: string | Uint8Array<ArrayBuffer>, type: string) =>
    aws.fetch(`${host.url}/2015-03-31/functions/echo/invocations?Qualifier=%24LATEST`, {
      method: "POST", headers: { "X-Amz-Invocation-Type": type }, body,
    });
  expect((await call('{"n":1}', "Event")).status).toBe(202);
  expect(await (await call('{"n":2}', "RequestResponse")).json()).toMatchObject({ event: { n: 2 } });
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 2 }));

  const invalid = await call("{not json", "Event");
  expect([invalid.status, invalid.headers.get("x-amzn-errortype")]).toEqual([400, "InvalidRequestContentException"]);
  const unknownType = await call("{}", "Sometime");
  expect([unknownType.status, unknownType.headers.get("x-amzn-errortype")]).toEqual([400, "InvalidParameterValueException"]);
});

test.each([
  ["Event", 1024 * 1024],
  ["RequestResponse", 6 * 1024 * 1024],
] as const)("the payload limit of %s is %i bytes", async (type, maxBytes) => {
  const host = await testHost();
  const exact = "x".repeat(maxBytes - 2);
  expect((await host.invoke("failing", exact, type)).status).toBe(type === "Event" ? 202 : 200);
  expect(await refusalOf(host.invoke("echo", `${exact}x`, type))).toMatchObject({
    name: "RequestTooLargeException",
    message: `${maxBytes + 1} byte payload is too large for the ${type} invocation type (limit ${maxBytes} bytes)`,
    status: 413,
  });
  await until(() => expect(host.invocationCounts()).toMatchObject({ error: 1, running: 0, queued: 0 }));
});

test("over the concurrency limit a synchronous call is 429, an event waits for room", async () => {
  const host = await testHost({ maxConcurrency: 1 });
  const gate = scratchFile("gate");
  const running = host.invoke("gated", { gate });
  await untilState(host, "busy");
  const refused = await refusalOf(host.invoke("gated", { gate }));
  expect(refused).toMatchObject({ name: "TooManyRequestsException", message: "Rate Exceeded.", status: 429 });
  expect((await host.invoke("gated", { gate }, "Event")).status).toBe(202);
  expect(host.invocationCounts()).toMatchObject({ running: 1, queued: 1 });
  expect(await host.invoke("echo", {}), "another function has its own limit").toMatchObject({ status: 200 });
  open(gate);
  expect((await running).status).toBe(200);
  await until(() => expect(host.invocationCounts()).toMatchObject({ success: 3, queued: 0, running: 0 }));
});

test("an event that waits longer than its age allows is dropped", async () => {
  const host = await testHost({ maxConcurrency: 1, maxEventAgeMs: 50 });
  const gate = scratchFile("gate");
  const running = host.invoke("gated", { gate });
  await untilState(host, "busy");
  await host.invoke("gated", { gate }, "Event");
  await until(() => expect(host.invocationCounts()).toMatchObject({ dropped: 1, queued: 0 }));
  open(gate);
  await running;
  expect(host.invocationCounts()).toMatchObject({ success: 1, dropped: 1 });
});
