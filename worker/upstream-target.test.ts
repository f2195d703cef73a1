/** Owns the tests of a route's upstream: what may be configured, and that a secret stays one. */

import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { fillIn, upstreamName } from "./upstream-target.ts";

const aws = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
const vars = { ...aws, TICKET_SECRET: "t".repeat(32), MODEL_KEY: " sk-1\n" };
const route = { path: "/v1/*", upstream: "https://api.example.com/v1" };
const read = (more: object): unknown => readConfig({ ...vars, ROUTES: [{ ...route, ...more }] }).routes[0]?.target;

describe("a route with an upstream", () => {
  test("needs its URL alone", () => {
    expect(read({})).toEqual({ upstream: "https://api.example.com/v1", region: null, resume: "none", headers: [] });
  });

  test("takes every key; what it keeps of a header is the name of its secret", () => {
    const headers = { Authorization: "Bearer ${MODEL_KEY}", Cookie: "", "X-Own": "a" };
    expect(read({ resume: "range", upstreamHeaders: headers })).toEqual({
      upstream: "https://api.example.com/v1",
      region: null,
      resume: "range",
      headers: [["authorization", "Bearer ${MODEL_KEY}"], ["cookie", ""], ["x-own", "a"]],
    });
    expect(read({ region: "eu-west-1" })).toMatchObject({ region: "eu-west-1" });
  });

  test("needs no AWS keys, unless its requests are signed", () => {
    const without = { ...vars, AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect(readConfig({ ...without, ROUTES: [route] }).routes).toHaveLength(1);
    expect(() => readConfig({ ...without, ROUTES: [{ ...route, region: "eu-west-1" }] })).toThrow("AWS_ACCESS_KEY_ID is missing");
  });

  const key = "ROUTES[0].upstreamHeaders";
  test.each<[string, object, string]>([
    ["a function beside it", { function: "f" }, "ROUTES[0].function does not go with upstream: keep the one that is to answer"],
    ["a Function URL beside it", { functionUrl: "https://a/" }, "ROUTES[0].functionUrl does not go with upstream: keep the one that is to answer"],
    ["no URL", { upstream: "api.example.com" }, "ROUTES[0].upstream is no http or https URL"],
    ["credentials in its URL", { upstream: "https://me:pw@api.example.com/" }, "ROUTES[0].upstream holds credentials"],
    ["a fragment", { upstream: "https://api.example.com/#x" }, "ROUTES[0].upstream has a fragment"],
    ["a region that is none", { region: 7 }, "ROUTES[0].region is no region"],
    ["a resume that is not known", { resume: "id" }, 'ROUTES[0].resume must be one of none, last-event-id, starting-after, range: it is "id"'],
    ["headers that are no table", { upstreamHeaders: ["a"] }, `${key} is no table`],
    ["a header that is no text", { upstreamHeaders: { "x-a": 1 } }, `${key}.x-a is no text`],
    ["a name that is none", { upstreamHeaders: { "x a": "1" } }, `${key}.x a is no name of a header`],
    ["a header of the connection", { upstreamHeaders: { Host: "a" } }, `${key}.Host is the gateway's to set`],
    ["an authorization beside a signature", { region: "r", upstreamHeaders: { authorization: "${MODEL_KEY}" } }, `${key}.authorization is part of the signature`],
    ["a secret in plain words", { upstreamHeaders: { "x-api-key": "sk-plain" } }, `${key}.x-api-key holds what looks like a secret`],
    ["the gateway's own secret", { upstreamHeaders: { authorization: "${TICKET_SECRET}" } }, `${key}.authorization names TICKET_SECRET, which is the gateway's own`],
    ["a secret that is missing", { upstreamHeaders: { authorization: "${OTHER}" } }, `${key}.authorization names the secret OTHER, which is missing: set it with "wrangler secret put OTHER"`],
  ])("is refused %s", (_what, more, problem) => {
    expect(() => read(more)).toThrow(problem);
  });

  test("is refused without telling what looks like a secret", () => {
    expect(() => read({ upstreamHeaders: { authorization: "Bearer sk-plain" } })).toThrow(expect.objectContaining({ message: expect.not.stringContaining("sk-plain") }));
  });

  test("a route of a function takes none of its keys", () => {
    expect(() => readConfig({ ...vars, ROUTES: [{ path: "/a", function: "f", region: "r", resume: "range" }] })).toThrow("ROUTES[0].resume goes only with upstream");
  });
});

test("a header is filled in as a request is made, and not at all where a secret is missing", () => {
  const secret = (name: string): string | null => (name === "A" ? "$&1" : null);
  expect([fillIn("x ${A}-${A}", secret), fillIn("${B}", secret), fillIn("$A {A}", secret)]).toEqual(["x $&1-$&1", null, "$A {A}"]);
});

test("an upstream's name tells no query", () => {
  expect(upstreamName({ upstream: "https://api.example.com/v1?key=1", region: null, resume: "none", headers: [] })).toBe("the upstream https://api.example.com/v1");
});
