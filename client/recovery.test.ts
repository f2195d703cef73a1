/** Owns the proof of P2 and P3 on the client's side: once, in order, to the true end, whatever breaks. */

import { expect, test } from "vitest";
import { openStream } from "./index.ts";
import type { LongstreamError, StreamEvent, StreamState } from "./index.ts";
import { ended, events, nothingMore, origin, problem, quick, readAll, readData, run, script, status, streamUrl, unreachable } from "./testing.ts";
import type { Sent } from "./testing.ts";

const url = `${origin}/api/answer`;

function asked(sent: readonly Sent[]): readonly string[] {
  return sent.map(({ method, url: target, headers }) => `${method} ${target.slice(origin.length)} ${headers.get("last-event-id") ?? "-"}`);
}

test("P2 a body that breaks off is resumed at Stream-Url behind the last event", async () => {
  const { fetch, sent } = script(events([run(1, 3)], "cut"), events([run(4, 5) + ended(5, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1", "2", "3", "4", "5"]);
  expect(asked(sent)).toEqual(["GET /api/answer -", "GET /streams/s-1 s-1-3"]);
});

test("P2 an event that was cut off in the middle is not delivered twice or in part", async () => {
  const { fetch } = script(events([`${run(1, 1)}data: 2\nid: s-1-2\n`], "cut"), events([run(2, 2) + ended(2, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1", "2"]);
});

test("a POST that dropped is resumed by GET, without its body, and never posted twice", async () => {
  const { fetch, sent } = script(events([run(1, 1)], "cut"), events([run(2, 2) + ended(2, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick, method: "POST", body: "question" }))).toEqual(["1", "2"]);
  expect(asked(sent)).toEqual(["POST /api/answer -", "GET /streams/s-1 s-1-1"]);
  expect(sent[1]?.body).toBeNull();
});

test("a POST that dropped before its first event is resumed by GET from the start", async () => {
  const { fetch, sent } = script(events([], "cut"), events([run(1, 1) + ended(1, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick, method: "POST" }))).toEqual(["1"]);
  expect(asked(sent)).toEqual(["POST /api/answer -", "GET /streams/s-1 -"]);
});

test("a POST whose answer never came is not repeated", async () => {
  const { fetch, sent } = script(unreachable);
  const stream = openStream(url, { fetch, retry: quick, method: "POST" });
  const { thrown } = await readAll(stream);
  expect(thrown).toMatchObject({
    code: "unavailable",
    message: `Cannot reach ${url}: fetch failed: connect ECONNREFUSED; POST is not sent again, since it may have had its effect`,
  });
  expect([sent.length, stream.state]).toEqual([1, "failed"]);
});

test("a POST that a 503 answered is not repeated", async () => {
  const { fetch, sent } = script(problem(503, { code: "unavailable", detail: "The object is not there" }));
  const { thrown } = await readAll(openStream(url, { fetch, retry: quick, method: "POST" }));
  expect(thrown).toMatchObject({ code: "unavailable" });
  expect(String(thrown)).toContain("POST is not sent again");
  expect(sent).toHaveLength(1);
});

test("a POST whose answer did not name the stream is read, but not repeated when it drops", async () => {
  const { fetch, sent } = script(events([run(1, 2)], "cut", {}));
  const { events: seen, thrown } = await readAll(openStream(url, { fetch, retry: quick, method: "POST" }));
  expect([seen.length, sent.length]).toEqual([2, 1]);
  expect(thrown).toMatchObject({ code: "unavailable" });
  expect(String(thrown)).toContain("no answer named the stream; POST is not sent again");
});

test("a GET whose stream was never named is resumed at the same URL", async () => {
  const { fetch, sent } = script(unreachable, events([run(1, 1)], "cut", {}), events([run(2, 2)], "cut", {}), events([ended(2, "completed")], "clean", {}));
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1", "2"]);
  expect(asked(sent)).toEqual(["GET /api/answer -", "GET /api/answer -", "GET /api/answer s-1-1", "GET /api/answer s-1-2"]);
});

test("a function of headers is called before each request, so that a token is fresh on a reconnect", async () => {
  let token = 0;
  const { fetch, sent } = script(events([run(1, 1)], "cut"), nothingMore, status("completed", 1));
  const headers = async (): Promise<HeadersInit> => ({ authorization: `Bearer ${++token}` });
  await readData(openStream(url, { fetch, retry: quick, headers }));
  expect(sent.map((request) => request.headers.get("authorization"))).toEqual(["Bearer 1", "Bearer 2", "Bearer 3"]);
});

test("headers that cannot be had now are asked for again, also before a POST, which was not sent yet", async () => {
  let tries = 0;
  const headers = (): HeadersInit => {
    if (++tries === 1) throw new TypeError("Failed to fetch");
    return {};
  };
  const { fetch, sent } = script(events([ended(0, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick, method: "POST", headers }))).toEqual([]);
  expect(asked(sent)).toEqual(["POST /api/answer -"]);
});

test("204 means that everything was seen: the status tells the outcome", async () => {
  const { fetch, sent } = script(events([run(1, 2)], "cut"), nothingMore, status("completed", 2));
  const stream = openStream(url, { fetch, retry: quick });
  expect(await readData(stream)).toEqual(["1", "2"]);
  expect([stream.outcome, stream.state, asked(sent)[2]]).toEqual(["completed", "ended", "GET /streams/s-1/status -"]);
});

test("204 after a failure throws what the status says", async () => {
  const failure = { code: "attempts-exhausted", message: "Cannot go on: three attempts came to nothing" };
  const { fetch } = script(nothingMore, status("failed", 2, failure));
  const stream = openStream(streamUrl, { fetch, from: "s-1-2" });
  expect((await readAll(stream)).thrown).toMatchObject(failure);
  expect([stream.outcome, stream.state]).toEqual(["failed", "ended"]);
});

test("P3 a clean end without longstream.end is the end only where the status has an outcome and no later event", async () => {
  const { fetch, sent } = script(
    events([run(1, 1)], "clean"),
    status(null, 1),
    events([run(2, 2)], "clean"),
    status("completed", 3),
    events([run(3, 3)], "clean"),
    status("completed", 3),
  );
  const stream = openStream(url, { fetch, retry: quick });
  expect(await readData(stream)).toEqual(["1", "2", "3"]);
  expect(stream.outcome).toBe("completed");
  expect(asked(sent).filter((request) => !request.includes("status"))).toEqual(["GET /api/answer -", "GET /streams/s-1 s-1-1", "GET /streams/s-1 s-1-2"]);
});

test("a status that cannot be had now is asked for again", async () => {
  const { fetch } = script(events([run(1, 1)], "clean"), unreachable, nothingMore, unreachable, nothingMore, status("completed", 1));
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1"]);
});

test("P2 an event that was seen is dropped", async () => {
  const { fetch } = script(events([run(1, 3)], "cut"), events([run(2, 4) + ended(4, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, retry: quick }))).toEqual(["1", "2", "3", "4"]);
});

test.each([
  ["between two events", run(1, 1) + run(3, 3), 1],
  ["before the first event", run(2, 2), 0],
  ["before the end", run(1, 1) + ended(2, "completed"), 1],
])("P2 a gap %s is an error, not a silent skip", async (_where, body, before) => {
  const states: StreamState[] = [];
  const { fetch } = script(events([body], "clean"));
  const { events: seen, thrown } = await readAll(openStream(url, { fetch, onState: (state) => states.push(state) }));
  expect([seen.length, states]).toEqual([before, ["open", "failed"]]);
  expect(thrown).toMatchObject({ code: "seq-gap" });
});

test.each([
  ["no id", "data: 1\n\n", "none"],
  ["an id that is no cursor", "data: 1\nid: 7\n\n", "7"],
  ["a cursor of another log", "data: 1\nid: s-2-8\n\n", "s-2-8"],
])("P2 an event with %s is an error", async (_what, body, id) => {
  const { fetch } = script(events([body], "clean"));
  const { thrown } = await readAll(openStream(streamUrl, { fetch, from: "s-1-7" }));
  expect(thrown).toMatchObject({ code: "protocol-error", message: `Cannot place an event: its id ${id} is not of this stream` });
});

const resetBody = `event: longstream.reset\ndata: {"reason":"foreign","first":"s-1-0"}\n\n${run(1, 1)}`;

test("a reset is an event with what it means: the cursor that led nowhere, why, and where the log goes on", async () => {
  const { fetch } = script(events([resetBody + ended(1, "completed")], "clean"));
  const stream = openStream(streamUrl, { fetch, from: "old-9" });
  expect(await readAll(stream)).toEqual({
    events: [
      {
        id: "s-1-0",
        event: "longstream.reset",
        data: '{"reason":"foreign","first":"s-1-0"}',
        reset: { reason: "foreign", cursor: "old-9", first: "s-1-0" },
      },
      { id: "s-1-1", event: "message", data: "1" },
    ],
    thrown: null,
  });
});

test("a reset goes on from the first cursor over a drop too", async () => {
  const { fetch, sent } = script(events([resetBody.slice(0, resetBody.indexOf("data: 1"))], "cut"), events([run(1, 1) + ended(1, "completed")], "clean"));
  const stream = openStream(streamUrl, { fetch, retry: quick, from: "old-9" });
  const seen: [StreamEvent["reset"], string | null][] = [];
  for await (const { reset } of stream) seen.push([reset, stream.cursor]);
  expect(seen).toEqual([
    [{ reason: "foreign", cursor: "old-9", first: "s-1-0" }, "s-1-0"],
    [undefined, "s-1-1"],
  ]);
  expect(asked(sent)).toEqual(["GET /streams/s-1 old-9", "GET /streams/s-1 s-1-0"]);
});

test("text that is no cursor is sent as one, so that the gateway can answer with a reset", async () => {
  const { fetch, sent } = script(events([resetBody + ended(1, "completed")], "clean"));
  await readAll(openStream(streamUrl, { fetch, from: "não\r\n" }));
  expect(asked(sent)).toEqual(["GET /streams/s-1 unknown"]);
});

test("a head that is late is waited for at the stream's own URL, however often: the gateway says that it goes on", async () => {
  const late = problem(504, { code: "head-timeout", detail: "Cannot answer yet" }, { "stream-url": streamUrl });
  const { fetch, sent } = script(late, late, late, events([run(1, 1) + ended(1, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, method: "POST", retry: { ...quick, tries: 2 } }))).toEqual(["1"]);
  expect(asked(sent)).toEqual(["POST /api/answer -", ...Array.from({ length: 3 }, () => "GET /streams/s-1 -")]);
});

test("only tries without progress count", async () => {
  const { fetch, sent } = script(
    unreachable,
    events([run(1, 1)], "cut"),
    unreachable,
    events([":\n\n"], "cut"),
    events([], "cut"),
    events([run(2, 2)], "cut"),
    unreachable,
    events([ended(2, "completed")], "clean"),
  );
  expect(await readData(openStream(url, { fetch, retry: { ...quick, tries: 2 } }))).toEqual(["1", "2"]);
  expect(sent).toHaveLength(8);
});

test("tries in a row that come to nothing end in an error that says what the last one met", async () => {
  const states: StreamState[] = [];
  const { fetch, sent } = script(events([run(1, 1)], "cut"), events([": longstream\n\n"], "cut"), events([run(1, 1)], "cut"), unreachable);
  const stream = openStream(url, { fetch, retry: { ...quick, tries: 3 }, onState: (state) => states.push(state) });
  const { events: seen, thrown } = await readAll(stream);
  expect([seen.length, sent.length]).toEqual([1, 4]);
  expect(thrown).toMatchObject({
    code: "unavailable" satisfies LongstreamError["code"],
    message: `Cannot reach ${streamUrl}: fetch failed: connect ECONNREFUSED (3 tries in a row came to nothing)`,
  });
  expect(states).toEqual(["open", "reconnecting", "open", "reconnecting", "open", "reconnecting", "failed"]);
});
