/** Fuzzing of headers on the gateway's side: handlers' heads, upstreams' heads, and what pages of other origins are told. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ResponseHead } from "../../protocol/producer-messages.ts";
import { withCors } from "../../worker/cors.ts";
import type { CorsOrigins } from "../../worker/cors.ts";
import { bodilessStatuses, checkHead } from "../../worker/head.ts";
import { upstreamHead } from "../../worker/upstream-head.ts";
import { everyCase } from "./cases.ts";
import { anyPairs, goodPairs, goodValue, isHeader, toHeaders } from "./headers.ts";
import type { Pair } from "./headers.ts";
import { fuzz } from "./outcome.ts";

const status = fc.oneof(fc.constantFrom(200, 204, 205, 304), fc.integer({ min: 200, max: 599 }));
const mode = fc.constantFrom("events", "bytes");

/** What a head is refused for; null where it can be sent. */
function reasonAgainst(head: ResponseHead, first: ResponseHead | null, kind: "events" | "response"): string | null {
  const agrees = first === null || (first.status === head.status && first.mode === head.mode);
  if (kind === "events" && (head.status !== 200 || head.mode !== "events")) return "bad-handler-result";
  if (head.mode === "events" && bodilessStatuses.has(head.status)) return "bad-handler-result";
  if (first === null) return head.headers.every(isHeader) ? null : "bad-handler-result";
  return agrees ? null : "replay-diverged";
}

test("any head is taken, and can be answered with, or refused with what is wrong", () => {
  const head = fc.record<ResponseHead>({ status, headers: anyPairs, mode });
  const input = fc.tuple(head, fc.option(head, { nil: null }), fc.constantFrom("events", "response"));
  const rarer = fuzz(
    input,
    ([given, first, kind]) => checkHead(given, first, kind),
    (outcome, [given, first, kind]) => {
      expect(outcome.kind === "refused" ? outcome.code : null).toBe(reasonAgainst(given, first, kind));
      if (outcome.kind === "refused" || first !== null) return;
      const body = bodilessStatuses.has(given.status) ? null : "";
      expect(new Response(body, { status: given.status, headers: toHeaders(given.headers) }).status).toBe(given.status);
    },
  );
  expect(rarer).toBeGreaterThan(0);
});

/** Of a connection, or of the gateway itself. */
const never = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "stream-id", "stream-url", "stream-outcome", "stream-status"];

test("of any upstream's headers the stream has those that are not of the connection, as they are", () => {
  fc.assert(
    fc.property(status, goodPairs, (code, pairs) => {
      const response = new Response(bodilessStatuses.has(code) ? null : "", { status: code, headers: toHeaders(pairs) });
      const head = upstreamHead(response);
      const named = (response.headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase());
      const ofBytes = head.mode === "events" ? ["content-length", "content-encoding"] : [];
      const decoded = /^(gzip|br)$/i.test(response.headers.get("content-encoding") ?? "") ? ["content-length", "content-encoding"] : [];
      const gone = new Set([...never, ...named, ...ofBytes, ...decoded]);
      expect(head.headers).toEqual([...response.headers].filter(([name]) => !gone.has(name)));
      expect(() => checkHead(head, null, "response")).not.toThrow();
    }),
    everyCase,
  );
});

const page = fc.constantFrom("https://a.example", "https://b.example", "https://a.example.evil", "null", "");
const policy = fc.array(
  fc.tuple(
    fc.constantFrom("access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods", "access-control-expose-headers", "vary"),
    fc.oneof(page, goodValue),
  ),
  { maxLength: 4 },
);

test("whatever is asked, and whatever a handler says itself, an origin that is not listed is never allowed", async () => {
  const origins: fc.Arbitrary<CorsOrigins> = fc.oneof(fc.constant("any" as const), fc.array(page, { minLength: 1, maxLength: 2 }));
  const asked = fc.array(fc.tuple(fc.constantFrom("origin", "access-control-request-method", "access-control-request-headers", "x-a"), fc.oneof(page, goodValue)), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(origins, fc.constantFrom("GET", "OPTIONS", "POST"), asked, policy, async (listed, method, headers, own: readonly Pair[]) => {
      const request = new Request("https://gateway.example/x", { method, headers: toHeaders(headers) });
      const { headers: told } = await withCors(request, listed, async () => new Response("", { headers: toHeaders(own) }));
      const origin = request.headers.get("origin");
      const allowed = listed === "any" ? "*" : origin !== null && listed.includes(origin) ? origin : null;
      expect(told.get("access-control-allow-origin")).toBe(allowed);
      expect(told.has("access-control-allow-credentials")).toBe(false);
      if (listed !== "any") expect(told.get("vary")).toContain("origin");
    }),
    everyCase,
  );
});
