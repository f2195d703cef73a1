/** Owns the tests of asking for a stream: which answers begin one, which are asked again, and which are told. */

import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { begin } from "./creation.ts";
import { answering, plan } from "./testing.ts";
import type { Refusal } from "./verdict.ts";

async function ask(listener: RequestListener, by: "async" | "reader" | "client"): Promise<{ readonly id: string | null; readonly refusals: readonly string[] }> {
  const gateway = await answering(listener);
  const refusals: Refusal[] = [];
  const calm = new AbortController();
  const refused = (refusal: Refusal): void => {
    refusals.push(refusal);
    if (refusals.length === 3) calm.abort();
  };
  const kind = by === "client" ? "client" : "event-source";
  const readers = [{ kind, joinAfterMs: 0, seed: 0 }] as const;
  const begun = await begin({ ...plan, begunBy: by === "async" ? "async" : "reader", readers }, { gateway, calm: calm.signal, stop: new AbortController().signal, refused });
  begun?.first?.destroy();
  begun?.firstStream?.close();
  return { id: begun?.id ?? null, refusals: refusals.map(({ what, kind: told }) => `${told}: ${what}`) };
}

const named = { "stream-id": "s", "stream-url": "/streams/s" };
const sse = { "content-type": "text/event-stream" };

test.each([
  ["202", "async", 202, named],
  ["200 to a reader", "reader", 200, { ...named, ...sse }],
  ["200 to the client", "client", 200, { ...named, ...sse }],
  ["a failure that names its stream", "async", 502, { ...named, "stream-outcome": "failed" }],
  ["a stream that is to be asked for again", "async", 200, { ...named, ...sse }],
] as const)("%s begins a stream", async (_what, by, status, headers) => {
  expect(await ask((_request, response) => response.writeHead(status, headers).end(), by)).toEqual({ id: "s", refusals: [] });
});

test.each([
  ["no answer", (_request, response) => response.destroy(), "lost: no answer"],
  ["503", (_request, response) => response.writeHead(503).end(), "lost: 503, undefined"],
  ["a body that says when to come back", (_request, response) => response.writeHead(200, sse).end(), "lost: 200, text/event-stream"],
] as const satisfies readonly (readonly [string, RequestListener, string])[])("%s is asked again, and told each time", async (_what, listener, told) => {
  expect(await ask(listener, "async")).toEqual({ id: null, refusals: [told, told, told] });
});

test.each([400, 404, 500, 502, 202])("%i without a stream is told as wrong, once", async (status) => {
  expect(await ask((_request, response) => response.writeHead(status, { "content-type": "text/plain" }).end(), "async")).toEqual({ id: null, refusals: [`wrong: ${status}, text/plain`] });
});

test("a client that gives up before it has a stream is told, with its reason", async () => {
  const { id, refusals } = await ask((_request, response) => response.writeHead(404).end(), "client");
  expect(id).toBeNull();
  expect(refusals).toEqual([expect.stringMatching(/^wrong: the client is failed: .*it answers 404/)]);
});
