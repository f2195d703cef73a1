/** Owns the tests of the payload by which a function is invoked. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "./errors.ts";
import { parseInvocation } from "./invocation.ts";
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
