/** Owns the tests of the payload by which a function is invoked. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "./errors.ts";
import { cameByUrl, parseInvocation } from "./invocation.ts";
import type { Invocation } from "./invocation.ts";

const invocation: Invocation = { longstream: 1, stream: "s1", attempt: 2, url: "https://g.example/streams/s1", ticket: "v1.a.b" };
const refused = (why: string): LongstreamError =>
  new LongstreamError(
    "bad-request",
    `Cannot run this function: it was not invoked by a Longstream gateway (Cannot read the invocation event: ${why}); ` +
      "point a route of the gateway at it and request that route",
    { cause: new LongstreamError("protocol-error", `Cannot read the invocation event: ${why}`) },
  );

describe("an invocation", () => {
  test("is read as it was written", () => {
    const text = '{"longstream":1,"stream":"s1","attempt":2,"url":"https://g.example/streams/s1","ticket":"v1.a.b"}';
    expect(JSON.stringify(invocation)).toBe(text);
    expect(parseInvocation(JSON.parse(text))).toEqual(invocation);
  });

  test("keeps nothing it does not know", () => {
    expect(parseInvocation({ ...invocation, later: true })).toEqual(invocation);
  });

  test.each<[string, unknown, string]>([
    ["undefined", undefined, "it is not a JSON object"],
    ["null", null, "it is not a JSON object"],
    ["a text", "{}", "it is not a JSON object"],
    ["a list", [invocation], "it is not a JSON object"],
    ["a direct invocation", { key1: "value1" }, 'its field "longstream" is not an integer of at least 1'],
    ["a version this runtime does not know", { ...invocation, longstream: 2 }, 'its field "longstream" is not 1, the only version this runtime knows'],
    ["no stream", { ...invocation, stream: undefined }, 'its field "stream" is not a string'],
    ["attempt 0", { ...invocation, attempt: 0 }, 'its field "attempt" is not an integer of at least 1'],
    ["an attempt that is text", { ...invocation, attempt: "2" }, 'its field "attempt" is not an integer of at least 1'],
    ["no url", { ...invocation, url: null }, 'its field "url" is not a string'],
    ["no ticket", { ...invocation, ticket: 7 }, 'its field "ticket" is not a string'],
  ])("that is %s is refused with the cause and the way out", (_, event, why) => {
    expect(() => parseInvocation(event)).toThrow(refused(why));
  });
});

describe("an invocation that came as a request to the function's URL", () => {
  const body = '{"longstream":1,"stream":"s1","attempt":2,"url":"https://g.example/streams/s1","ticket":"v1.a.b"}';
  /** As in AWS's documentation, less what nobody reads. */
  const request = { version: "2.0", rawPath: "/", headers: { "content-type": "application/json" }, requestContext: { http: { method: "POST" } } };

  test("is read from the body", () => {
    expect(parseInvocation({ ...request, body, isBase64Encoded: false })).toEqual(invocation);
    expect(cameByUrl({ ...request, body })).toBe(true);
    expect(cameByUrl(invocation)).toBe(false);
  });

  test("is read from a body that Lambda took for binary", () => {
    const encoded = "eyJsb25nc3RyZWFtIjoxLCJzdHJlYW0iOiJzMSIsImF0dGVtcHQiOjIsInVybCI6Imh0dHBzOi8vZy5leGFtcGxlL3N0cmVhbXMvczEiLCJ0aWNrZXQiOiJ2MS5hLmIifQ==";
    expect(parseInvocation({ ...request, body: encoded, isBase64Encoded: true })).toEqual(invocation);
  });

  test.each<[string, object, string]>([
    ["without a body", {}, "Cannot read the request to the function's URL: its field \"body\" is not a string"],
    ["with a body that is no JSON", { body: "hello" }, "Cannot read the invocation event: it is not JSON"],
    ["with a body of something else", { body: "{}" }, 'Cannot read the invocation event: its field "longstream" is not an integer of at least 1'],
    ["with a body that is no base64", { body: "*", isBase64Encoded: true }, "not invoked by a Longstream gateway"],
  ])("%s is refused", (_, more, why) => {
    expect(() => parseInvocation({ ...request, ...more })).toThrow(why);
  });
});
