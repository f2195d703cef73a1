/// <reference types="node" />
/** The Invoke call as it goes over the wire. */

import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { invokeFunction } from "./lambda.ts";
import type { FunctionTarget, LambdaAccess } from "./lambda.ts";

interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const seen: Seen[] = [];
let server: Server;
let endpoint = "";
let status = 202;
let answers: "always" | "never" | "head" = "always";
/** Responses that were left before their end. */
let closed = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      seen.push({ path: request.url ?? "", headers: request.headers, body });
      if (answers === "head") response.once("close", () => closed++).writeHead(status).write("{");
      if (answers === "always") response.writeHead(status, { "x-amzn-errortype": "SomeException", location: "/elsewhere" }).end('{"Message":"because"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  if (typeof address === "object" && address !== null) endpoint = `http://127.0.0.1:${address.port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const target = { name: "answer", region: "eu-west-1", qualifier: null };
const invocation = { longstream: 1, stream: "s", attempt: 3, url: "https://host/streams/s", ticket: "t" } as const;
const access = (): LambdaAccess => ({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: null, endpoint });

describe("an Invoke call", () => {
  test("is asynchronous, signed for the function's region, and carries the invocation alone", async () => {
    seen.length = 0;
    status = 202;
    expect(await invokeFunction(target, invocation, access(), 5_000)).toEqual({ accepted: true });
    expect(seen).toHaveLength(1);
    const [call] = seen;
    expect(call?.path).toBe("/2015-03-31/functions/answer/invocations");
    expect(call?.headers["x-amz-invocation-type"]).toBe("Event");
    expect(call?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=.*x-amz-invocation-type/);
    expect(JSON.parse(call?.body ?? "")).toEqual(invocation);
  });

  test("never carries x-amzn-trace-id: the recursion stop counts lineage, and a chain of attempts is none", async () => {
    seen.length = 0;
    await invokeFunction(target, invocation, access(), 5_000);
    expect(seen[0]?.headers).not.toHaveProperty("x-amzn-trace-id");
  });

  test("names the qualifier where the route has one", async () => {
    seen.length = 0;
    await invokeFunction({ ...target, qualifier: "live" }, invocation, access(), 5_000);
    expect(seen[0]?.path).toBe("/2015-03-31/functions/answer/invocations?Qualifier=live");
  });

  test("names the tenant where the route has one, under the signature", async () => {
    seen.length = 0;
    await invokeFunction({ ...target, tenantId: "blue" }, invocation, access(), 5_000);
    expect(seen[0]?.headers["x-amz-tenant-id"]).toBe("blue");
    expect(seen[0]?.headers.authorization).toMatch(/SignedHeaders=[^,]*x-amz-tenant-id/);
    await invokeFunction({ ...target, tenantId: null }, invocation, access(), 5_000);
    expect(seen[1]?.headers).not.toHaveProperty("x-amz-tenant-id");
  });

  test.each([
    [429, true, "concurrency"],
    [500, true, "Lambda has trouble"],
    [503, true, "Lambda has trouble"],
    [403, false, "lambda:InvokeFunction"],
    [404, false, "name, region and qualifier"],
    [400, false, "configuration"],
  ])("answered %i is made once, and says whether another attempt may help", async (answer, retry, advice) => {
    seen.length = 0;
    status = answer;
    const result = await invokeFunction(target, invocation, access(), 5_000);
    expect(seen).toHaveLength(1);
    expect(result).toMatchObject({ accepted: false, retry, reason: expect.stringContaining(advice) });
    expect(result).toMatchObject({ reason: expect.stringContaining(`"answer" in eu-west-1: Lambda answered ${answer} (SomeException: {"Message":"because"})`) });
  });

  test("that is not answered in time may be tried again", async () => {
    answers = "never";
    const result = await invokeFunction(target, invocation, access(), 50);
    answers = "always";
    expect(result).toMatchObject({ accepted: false, retry: true, reason: expect.stringContaining("did not answer") });
  });
});

describe("a call of a Function URL", () => {
  const byUrl = (): FunctionTarget => ({ functionUrl: `${endpoint}/url/answer:live/?x=1`, region: "eu-west-1" });

  test("is a signed POST of the invocation alone", async () => {
    seen.length = 0;
    status = 202;
    expect(await invokeFunction(byUrl(), invocation, access(), 5_000)).toEqual({ accepted: true });
    expect(seen).toHaveLength(1);
    const [call] = seen;
    expect(call?.path).toBe("/url/answer:live/?x=1");
    expect(call?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=host;x-amz-date, /);
    expect(call?.headers).not.toHaveProperty("x-amz-invocation-type");
    expect(call?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(call?.body ?? "")).toEqual(invocation);
  });

  test("is acknowledged by its head, and leaves no connection open behind an endless body", async () => {
    closed = 0;
    status = 200;
    answers = "head";
    const result = await invokeFunction(byUrl(), invocation, access(), 5_000);
    answers = "always";
    expect(result).toEqual({ accepted: true });
    await vi.waitFor(() => expect(closed).toBe(1));
  });

  test.each([
    [429, true, "concurrency"],
    [502, true, "the function failed before it answered: look in its log"],
    [503, true, "Lambda has trouble"],
    [403, false, "lambda:InvokeFunctionUrl and lambda:InvokeFunction"],
    [404, false, "the route's functionUrl"],
    [302, false, "the function behind it"],
  ])("answered %i is made once, and says whether another attempt may help", async (answer, retry, advice) => {
    seen.length = 0;
    status = answer;
    const result = await invokeFunction(byUrl(), invocation, access(), 5_000);
    expect(seen).toHaveLength(1);
    expect(result).toMatchObject({ accepted: false, retry, reason: expect.stringContaining(advice) });
    expect(result).toMatchObject({ reason: expect.stringContaining(`/url/answer:live/?x=1 in eu-west-1: Lambda answered ${answer} (SomeException`) });
  });

  test("that is not answered in time may be tried again", async () => {
    answers = "never";
    const result = await invokeFunction(byUrl(), invocation, access(), 50);
    answers = "always";
    expect(result).toMatchObject({ accepted: false, retry: true, reason: expect.stringContaining("RESPONSE_STREAM") });
  });
});
