/** Owns the tests of the request to an upstream: its URL, its headers, its signature. */

import { describe, expect, test } from "vitest";
import type { HeaderPairs } from "../protocol/producer-messages.ts";
import { upstreamRequest } from "./upstream-request.ts";
import type { UpstreamAsk } from "./upstream-request.ts";
import { OutgoingBody } from "./upstream-upload.ts";

const nobody = { pause: () => undefined, resume: () => undefined, breakOff: () => undefined };
const text = new TextEncoder().encode("prompt");
const body = (): OutgoingBody => new OutgoingBody({ length: text.length, read: (offset) => (offset < text.length ? { kind: "piece", bytes: text.subarray(offset) } : { kind: "end" }) }, nobody);
const base = "https://api.example.com/v1";

interface Asked {
  readonly upstream?: string;
  readonly route?: string;
  readonly url?: string;
  readonly method?: string;
  readonly headers?: HeaderPairs;
  readonly set?: HeaderPairs;
  readonly region?: string;
  readonly resumption?: UpstreamAsk["resumption"];
}

function ask({ upstream = base, route = "/api/*", url = "https://g/api", method = "GET", headers = [], set = [], region, resumption = { from: "start" } }: Asked): UpstreamAsk {
  return { target: { upstream, region: region ?? null, resume: "none", headers: set }, route, request: { method, url, headers, bodyBytes: null }, resumption, body: body() };
}

const access = { lambda: { accessKeyId: "AKID", secretAccessKey: "s", sessionToken: "t", endpoint: null }, secret: (name: string) => (name === "KEY" ? "sk-1" : name === "BAD" ? "a\nb" : null) };
const made = async (asked: Asked): Promise<Request> => upstreamRequest(ask(asked), access);

describe("the URL", () => {
  test.each<[string, string, string, string]>([
    [base, "/api/*", "https://g/api/chat/completions?x=1", "https://api.example.com/v1/chat/completions?x=1"],
    [base, "/api/*", "https://g/api", "https://api.example.com/v1"],
    [`${base}/`, "/api/*", "https://g/api/", "https://api.example.com/v1/"],
    [base, "/api", "https://g/api?x=1", "https://api.example.com/v1?x=1"],
    [`${base}?key=1`, "/api", "https://g/api?x=1", "https://api.example.com/v1?key=1&x=1"],
    ["https://api.example.com", "/api/*", "https://g/api//evil.example/x", "https://api.example.com//evil.example/x"],
    [base, "/api/*", "https://g/api/https://evil.example", "https://api.example.com/v1/https://evil.example"],
    [base, "/api/*", "https://g/api/a%2Fb%20c/%C3%A9", "https://api.example.com/v1/a%2Fb%20c/%C3%A9"],
    [base, "/api/*", "https://g/api/../../etc", "https://api.example.com/v1"],
  ])("of %s on %s for %s is %s", async (upstream, route, url, expected) => {
    const found = new URL((await made({ upstream, route, url })).url);
    // What leaves the route's prefix would not have met the route; nothing of it is carried on.
    if (expected === base) expect(found.host).toBe("api.example.com");
    else expect(found.href).toBe(expected);
  });

  test("of what goes on is the response's own for a POST, and the same for a GET", async () => {
    const resumption = { from: "starting-after", response: "resp/1", after: 42 } as const;
    expect((await made({ method: "POST", url: "https://g/api/responses", resumption })).url).toBe(`${base}/responses/resp%2F1?stream=true&starting_after=42`);
    expect((await made({ url: "https://g/api/responses/r?stream=true&starting_after=3&include=x", resumption })).url).toBe(`${base}/responses/r?stream=true&starting_after=42&include=x`);
  });
});

describe("the headers", () => {
  const clients: HeaderPairs = [["accept", "*/*"], ["authorization", "mine"], ["cookie", "a=1"], ["host", "g"], ["cf-ray", "1"], ["x-forwarded-proto", "https"], ["x-amzn-trace-id", "r"], ["x-own", "1"]];

  test("are the client's without the connection's", async () => {
    expect(Object.fromEntries((await made({ headers: clients })).headers)).toEqual({ accept: "*/*", "accept-encoding": "identity", authorization: "mine", cookie: "a=1", "x-own": "1" });
  });

  test("are the route's where it has some", async () => {
    const { headers } = await made({ headers: clients, set: [["authorization", "Bearer ${KEY}"], ["cookie", ""]] });
    expect([headers.get("authorization"), headers.get("cookie")]).toEqual(["Bearer sk-1", null]);
  });

  test.each([["${BAD}", "no header can have its value"], ["${NONE}", "a secret it names is missing"]])("%s cannot be set, and the error tells no value", async (template, why) => {
    await expect(made({ set: [["x-key", template]] })).rejects.toThrow(new RegExp(`^Cannot ask the upstream https://api\\.example\\.com/v1: its route's upstreamHeaders\\.x-key cannot be set, since ${why}$`));
  });

  test("of what goes on name the place", async () => {
    const { headers } = await made({ resumption: { from: "last-event-id", id: "e7", firstId: "e1" } });
    expect([headers.get("last-event-id"), headers.get("accept")]).toEqual(["e7", "text/event-stream"]);
    const range = await made({ headers: [["range", "bytes=10-99"], ["if-range", '"old"']], resumption: { from: "range", offset: 50, etag: null, total: null } });
    expect([range.headers.get("range"), range.headers.get("if-range")]).toEqual(["bytes=50-99", null]);
    const tagged = await made({ resumption: { from: "range", offset: 50, etag: '"v1"', total: null } });
    expect([tagged.headers.get("range"), tagged.headers.get("if-range")]).toEqual(["bytes=50-", '"v1"']);
  });

  test("of a signed request are signed for host and time alone; the client's own of AWS are gone", async () => {
    const request = await made({ method: "POST", region: "eu-west-1", headers: [...clients, ["x-amz-date", "old"], ["x-amz-target", "x"]] });
    expect(request.headers.get("authorization")).toMatch(/^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/lambda\/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, /);
    expect([request.headers.get("x-amz-target"), request.headers.get("x-own"), request.headers.get("x-amz-security-token")]).toEqual([null, "1", "t"]);
    expect(request.headers.get("x-amz-date")).toMatch(/^\d{8}T/);
    expect(await request.text()).toBe("prompt");
  });
});

test("a body goes with a method that has one, and follows no redirect", async () => {
  const post = await made({ method: "POST", headers: [["content-type", "text/plain"]] });
  expect([await post.text(), post.headers.get("content-type"), post.redirect]).toEqual(["prompt", "text/plain", "manual"]);
  const get = await made({ method: "POST", headers: [["content-type", "text/plain"]], resumption: { from: "starting-after", response: "r", after: 1 } });
  expect([get.method, get.body, get.headers.get("content-type")]).toEqual(["GET", null, null]);
});
