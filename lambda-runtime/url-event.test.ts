/** Owns the tests of the event by which a function sees a request to its URL. */

import { expect, test } from "vitest";
import { toUrlEvent } from "./url-event.ts";
import type { UrlRequest } from "./url-event.ts";

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

test("parameters with the names of what every JavaScript object has are like any others", () => {
  const { rawQueryString, queryStringParameters } = toUrlEvent({ ...request, target: "/a?constructor=1&a=1&__proto__=2&toString=&a=2&constructor=3" });
  expect(rawQueryString).toBe("constructor=1&a=1&__proto__=2&toString=&a=2&constructor=3");
  expect(JSON.stringify(queryStringParameters)).toBe('{"constructor":"1,3","a":"1,2","__proto__":"2","toString":""}');
});
