/** Fuzzing of what a function is given: the client's request, whatever its headers, its query and its body are. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeMessage, parseToProducer } from "../../protocol/producer-messages.ts";
import { RequestBody } from "../../lambda-runtime/request-body.ts";
import { toRequest } from "../../lambda-runtime/request.ts";
import { toUrlEvent } from "../../lambda-runtime/url-event.ts";
import type { UrlRequest } from "../../lambda-runtime/url-event.ts";
import { everyCase } from "./cases.ts";
import { goodName, goodPairs, toHeaders } from "./headers.ts";
import { anyText, overTheWire } from "./text.ts";

/** As the gateway's runtime reads header values, which is as UTF-8. */
const value = anyText(8).map((text) => overTheWire(text).replaceAll(/[\r\n\0]/g, "").replaceAll(/^[\t ]+|[\t ]+$/g, ""));

test("a request has the headers that the client sent, byte for byte, whatever they are", () => {
  const headers = fc.uniqueArray(fc.tuple(goodName, value), { maxLength: 5, selector: ([name]) => name.toLowerCase() });
  fc.assert(
    fc.property(headers, (sent) => {
      const request = { method: "GET", url: "https://gateway.example/x", headers: sent, bodyBytes: 0 };
      const welcome = parseToProducer(encodeMessage({ type: "welcome", attempt: 1, role: "active", resume: null, request, window: 1, leaseMs: 1, commitIntervalMs: 0 }));
      const given = toRequest(welcome.type === "welcome" ? welcome.request : request, new RequestBody(() => undefined), new AbortController().signal);
      const read = [...given.headers].map(([name, text]) => [name, Buffer.from(text, "latin1").toString()] as const);
      expect(new Map(read)).toEqual(new Map(sent.map(([name, text]) => [name.toLowerCase(), text])));
    }),
    everyCase,
  );
});

describe("an event of a function's URL", () => {
  const name = fc.oneof(fc.constantFrom("a", "b", "__proto__", "constructor", "toString", ""), anyText(3));
  const request: UrlRequest = {
    method: "GET",
    target: "/",
    headers: {},
    body: new Uint8Array(0),
    protocol: "HTTP/1.1",
    sourceIp: "",
    domainName: "x.example",
    accountId: "",
    requestId: "",
    nowMs: 0,
  };

  test("has every parameter of any query, whatever its name, repeated ones joined", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, anyText(3)), { minLength: 1, maxLength: 5 }), (parameters) => {
        const query = new URLSearchParams(parameters.map(([key, text]) => [key, text]));
        const event = toUrlEvent({ ...request, target: `/?${query.toString()}` });
        const expected = new Map([...new Set(query.keys())].map((key) => [key, query.getAll(key).join(",")]));
        expect(event.rawQueryString).toBe(query.toString());
        expect(new Map(Object.entries(event.queryStringParameters ?? {}))).toEqual(expected);
      }),
      everyCase,
    );
  });

  test("has parameters with the names of what every JavaScript object has like any others", () => {
    const { rawQueryString, queryStringParameters } = toUrlEvent({ ...request, target: "/a?constructor=1&a=1&__proto__=2&toString=&a=2&constructor=3" });
    expect(rawQueryString).toBe("constructor=1&a=1&__proto__=2&toString=&a=2&constructor=3");
    expect(JSON.stringify(queryStringParameters)).toBe('{"constructor":"1,3","a":"1,2","__proto__":"2","toString":""}');
  });

  test("has any headers as they are, but for its cookies, and survives JSON", () => {
    fc.assert(
      fc.property(goodPairs, fc.uint8Array({ maxLength: 12 }), (pairs, body) => {
        const headers = Object.fromEntries(toHeaders(pairs));
        const event = toUrlEvent({ ...request, headers, body });
        expect(new Map(Object.entries(event.headers))).toEqual(new Map(Object.entries(headers).filter(([key]) => key !== "cookie")));
        if (event.isBase64Encoded) expect([...Buffer.from(event.body ?? "", "base64")]).toEqual([...body]);
        expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      }),
      everyCase,
    );
  });
});
