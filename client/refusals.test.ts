/** Owns the proof that bad input and bad answers end in one error class, with a code and a message that helps. */

import { expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { LongstreamError, openStream } from "./index.ts";
import type { StreamState } from "./index.ts";
import { deferred, ended, events, nothingMore, origin, problem, quick, readAll, readData, run, script, status, streamUrl } from "./testing.ts";

const url = `${origin}/api/answer`;

test("4xx with problem details is final, with its code and detail", async () => {
  const { fetch, sent } = script(problem(404, { code: "route-not-found", detail: "Cannot answer /api/answer: no route takes this path" }));
  const stream = openStream(url, { fetch, retry: quick });
  const { thrown } = await readAll(stream);
  expect(thrown).toBeInstanceOf(LongstreamError);
  expect(thrown).toMatchObject({ code: "route-not-found", message: "Cannot answer /api/answer: no route takes this path" });
  expect([sent.length, stream.state]).toEqual([1, "failed"]);
});

test("a refusal is told by onState also where nobody iterates", async () => {
  const { fetch } = script(problem(410, { code: "cancelled", detail: "gone" }));
  const told = deferred<StreamState>();
  openStream(url, { fetch, onState: told.resolve });
  expect(await told.promise).toBe("failed");
});

test("4xx without problem details says what was asked and what came", async () => {
  const { fetch, sent } = script(() => new Response("<html>", { status: 403, headers: { "content-type": "text/html" } }));
  const { thrown } = await readAll(openStream(url, { fetch, retry: quick }));
  expect(thrown).toMatchObject({ code: "bad-request", message: `Cannot ask ${url}: it answers 403 (text/html)` });
  expect(sent).toHaveLength(1);
});

function brokenProblem(): Response {
  return new Response("{", { status: 400, headers: { "content-type": "application/problem+json" } });
}

test("4xx whose problem details cannot be read, or name a code of a later version, is final all the same", async () => {
  for (const answer of [brokenProblem, problem(400, { code: "of-tomorrow" })]) {
    const { fetch } = script(answer);
    const { thrown } = await readAll(openStream(url, { fetch, retry: quick }));
    expect(thrown).toMatchObject({ code: "bad-request", message: `Cannot ask ${url}: it answers 400 (application/problem+json)` });
  }
});

test("429 and 5xx are asked again, HTML error pages of a proxy among them", async () => {
  const { fetch } = script(
    () => new Response(null, { status: 429 }),
    () => new Response("<html>", { status: 502, headers: { "content-type": "text/html" } }),
    problem(503, { code: "unavailable", detail: "The object is not there now" }),
    events([run(1, 1) + ended(1, "completed")], "clean"),
  );
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1"]);
});

test.each([
  [422, "bad-request"],
  [429, "bad-request"],
  [500, "handler-failed"],
])("a handler's own %i, which names its stream, is final", async (code, expected) => {
  const { fetch, sent } = script(() => Response.json({ error: "no" }, { status: code, headers: { "stream-url": streamUrl } }));
  const stream = openStream(url, { fetch, retry: quick });
  expect((await readAll(stream)).thrown).toMatchObject({ code: expected, message: `Cannot ask ${url}: it answers ${code} (application/json)` });
  expect([sent.length, stream.url]).toEqual([1, streamUrl]);
});

test.each([
  [502, "attempts-exhausted", "failed"],
  [504, "expired", "expired"],
])("a stream that ended before its handler answered (%i %s) has its outcome, and throws what the status says", async (answered, code, outcome) => {
  const error = { code, message: "Cannot answer: it is over" };
  const { fetch } = script(problem(answered, { code, detail: error.message }, { "stream-url": streamUrl, "stream-outcome": outcome }), status(outcome, 0, error));
  const stream = openStream(url, { fetch, retry: quick, method: "POST" });
  expect((await readAll(stream)).thrown).toMatchObject(error);
  expect([stream.state, stream.outcome]).toEqual(["ended", outcome]);
});

test("a stream that was cancelled before its handler answered ends without an error", async () => {
  const { fetch } = script(problem(410, { code: "cancelled", detail: "by request" }, { "stream-url": streamUrl, "stream-outcome": "cancelled" }), status("cancelled", 0));
  const stream = openStream(url, { fetch });
  expect(await readData(stream)).toEqual([]);
  expect(stream.outcome).toBe("cancelled");
});

test("5xx whose code says that nothing will change by itself is final", async () => {
  const { fetch, sent } = script(problem(500, { code: "bad-config", detail: "Cannot start the gateway: ROUTES is missing" }));
  const { thrown } = await readAll(openStream(url, { fetch, retry: quick }));
  expect(thrown).toMatchObject({ code: "bad-config", message: "Cannot start the gateway: ROUTES is missing" });
  expect(sent).toHaveLength(1);
});

test.each([
  ["text/html; charset=utf-8", "text/html; charset=utf-8"],
  ["text/event-stream-like", "text/event-stream-like"],
])("the content type %s is an error that says what came", async (type, came) => {
  const { fetch, sent } = script(() => new Response("<html>", { headers: { "content-type": type } }));
  const { thrown } = await readAll(openStream(url, { fetch, retry: quick }));
  expect(thrown).toMatchObject({ code: "protocol-error", message: `Cannot read ${url} as events from 0: it answers 200 with ${came}; iterate events, read anything else by bytes()` });
  expect(sent).toHaveLength(1);
});

test("a content type with parameters, in any case, is an event stream", async () => {
  const { fetch } = script(events([ended(0, "completed")], "clean", { "content-type": "Text/Event-Stream ; charset=UTF-8" }));
  expect(await readData(openStream(url, { fetch }))).toEqual([]);
});

test("an end whose message is no text is told in words of the client's own", async () => {
  const end = 'event: longstream.end\ndata: {"outcome":"failed","error":{"code":"expired","message":{"toString":1}}}\nid: s-1-0\n\n';
  const { fetch } = script(events([end], "clean"));
  expect((await readAll(openStream(url, { fetch }))).thrown).toMatchObject({ code: "expired", message: "The stream failed" });
});

test("202 to a request for no answer is an error that says so", async () => {
  const { fetch } = script(() => Response.json({ id: "s-1" }, { status: 202 }));
  const { thrown } = await readAll(openStream(url, { fetch }));
  expect(thrown).toMatchObject({ code: "protocol-error" });
  expect(String(thrown)).toContain("202 with application/json");
});

test("a clean end of something that names no stream is an error: no status can be asked", async () => {
  const { fetch, sent } = script(events([run(1, 1)], "clean", {}));
  const { events: seen, thrown } = await readAll(openStream(url, { fetch, retry: quick }));
  expect([seen.length, sent.length]).toEqual([1, 1]);
  expect(thrown).toMatchObject({ code: "stream-not-found" });
});

test("204 from something that is no gateway says that the stream was not named", async () => {
  const { fetch } = script(() => new Response(null, { status: 204 }));
  const { thrown } = await readAll(openStream(url, { fetch }));
  expect(thrown).toMatchObject({ code: "stream-not-found", message: "Cannot ask for its status: no answer named the stream in stream-url" });
});

test.each([
  ["longstream.end", "event: longstream.end\ndata: {\"outcome\":\"later\"}\nid: s-1-0\n\n"],
  ["longstream.reset", 'event: longstream.reset\ndata: {"reason":"foreign","first":"?"}\n\n'],
])("a %s that cannot be read is an error", async (_name, body) => {
  const { fetch } = script(events([body], "clean"));
  const { thrown } = await readAll(openStream(url, { fetch }));
  expect(thrown).toMatchObject({ code: "protocol-error" });
  expect(String(thrown)).toContain("Cannot read what the gateway says: {");
});

test("a status that cannot be read is an error", async () => {
  const { fetch } = script(nothingMore, () => new Response("<html>"));
  const { thrown } = await readAll(openStream(url, { fetch }));
  expect(thrown).toMatchObject({ code: "protocol-error", message: "Cannot read what the gateway says: <html>" });
});

test("P6 an event that outgrows the largest row of a log is an error, after the events before it", async () => {
  const chunk = "x".repeat(64 * 1024);
  const chunks = [`${run(1, 1)}data: `, ...Array.from({ length: limits.maxRowBytes / chunk.length + 1 }, () => chunk)];
  const { fetch, sent } = script(events(chunks, "open"));
  const { events: seen, thrown } = await readAll(openStream(url, { fetch, retry: quick }));
  expect([seen.length, sent.length]).toEqual([1, 1]);
  expect(thrown).toMatchObject({ code: "event-too-large" });
  expect(String(thrown)).toContain(String(limits.maxRowBytes));
});

test("an event of the largest size is read", async () => {
  const data = "x".repeat(limits.maxEventBytes - "data: \n".length);
  const { fetch } = script(events([`data: ${data.slice(0, 500_000)}`, `${data.slice(500_000)}\nid: s-1-1\n\n${ended(1, "completed")}`], "clean"));
  expect(await readData(openStream(url, { fetch }))).toEqual([data]);
});

test.each([
  ["a relative URL where there is no page", "/api/answer", {}],
  ["a body with GET", url, { body: "question" }],
  ["a cursor with POST, which would start anew", url, { method: "POST", from: "s-1-3" }],
])("%s is refused at once", (_what, target, options) => {
  expect(() => openStream(target, options)).toThrow(expect.objectContaining({ name: "LongstreamError", code: "bad-request" }));
});

function throwing(state: StreamState): void {
  if (state === "open") throw new Error("of the page");
}

test("what the caller's callback throws ends the reading with it", async () => {
  const { fetch, sent } = script(events([run(1, 1)], "open"), status(null, 1));
  const stream = openStream(url, { fetch, retry: quick, onState: throwing });
  expect((await readAll(stream)).thrown).toEqual(new Error("of the page"));
  expect([stream.state, sent.length]).toEqual(["failed", 1]);
});
