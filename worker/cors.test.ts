/** Owns the tests of what pages of other origins may ask and see. */

import { describe, expect, test } from "vitest";
import { withCors } from "./cors.ts";
import type { CorsOrigins } from "./cors.ts";

const page = "https://app.example";
const shown = "stream-id, stream-url, stream-outcome, stream-status, content-range, accept-ranges, etag, location";

async function ask(origins: CorsOrigins, method: string, headers: Readonly<Record<string, string>>, answer = new Response("{}", { status: 404 })): Promise<Response> {
  return withCors(new Request("https://gateway.example/streams/x", { method, headers }), origins, async () => answer);
}

function policyOf({ headers }: Response): Readonly<Record<string, string>> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"));
}

describe("an answer", () => {
  test("has no policy where none is configured, and keeps its handler's own", async () => {
    const own = { "access-control-allow-origin": "https://b.example" };
    expect(policyOf(await ask([], "GET", { origin: page }, new Response("", { headers: own })))).toEqual(own);
    expect((await ask([], "OPTIONS", { origin: page, "access-control-request-method": "GET" })).status).toBe(404);
  });

  test("shows every origin the stream's headers, a problem as well", async () => {
    const response = await ask("any", "GET", { origin: page });
    expect([response.status, policyOf(response)]).toEqual([404, { "access-control-allow-origin": "*", "access-control-expose-headers": shown }]);
  });

  test("names the origin it was asked from, if it is listed, and says that another would get another answer", async () => {
    const listed = ["https://a.example", page];
    expect(policyOf(await ask(listed, "GET", { origin: page }))).toEqual({ "access-control-allow-origin": page, "access-control-expose-headers": shown, vary: "origin" });
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, {}]) {
      expect(policyOf(await ask(listed, "GET", headers))).toEqual({ "access-control-expose-headers": shown, vary: "origin" });
    }
  });

  test("of a handler with a policy of its own has the gateway's alone, and shows what the handler shows besides", async () => {
    const own = { "access-control-allow-origin": "*", "access-control-allow-credentials": "true", "access-control-expose-headers": "x-model", vary: "accept" };
    expect(policyOf(await ask([page], "GET", { origin: page }, new Response("", { headers: own })))).toEqual({
      "access-control-allow-origin": page,
      "access-control-expose-headers": `x-model, ${shown}`,
      vary: "accept, origin",
    });
  });

  test("to an upgrade is left alone", async () => {
    expect(policyOf(await ask("any", "GET", { upgrade: "websocket" }))).toEqual({});
  });
});

describe("a preflight", () => {
  const headers = { origin: page, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,last-event-id" };

  test("is granted what it asks for, without a route or a stream being asked", async () => {
    const response = await ask("any", "OPTIONS", headers, Response.error());
    expect([response.status, policyOf(response)]).toEqual([
      204,
      {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization,content-type,last-event-id",
        "access-control-max-age": "86400",
        "access-control-expose-headers": shown,
        vary: "access-control-request-method, access-control-request-headers",
      },
    ]);
  });

  test("of an origin that is not listed names none", async () => {
    expect((await ask(["https://a.example"], "OPTIONS", headers)).headers.get("access-control-allow-origin")).toBeNull();
  });

  test("is not what an OPTIONS of a route is", async () => {
    expect((await ask("any", "OPTIONS", { origin: page })).status).toBe(404);
  });
});
