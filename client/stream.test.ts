/** Owns the proof of what one connection gives: events, state, the end, and the ways to stop. */

import { expect, test, vi } from "vitest";
import { openStream } from "./index.ts";
import type { StreamState } from "./index.ts";
import { deferred, ended, events, origin, problem, quick, readAll, readData, run, script, status, streamUrl, unreachable } from "./testing.ts";

const url = `${origin}/api/answer`;

test("events come in order with id, name and data, and longstream.end ends the iteration", async () => {
  const body = `: longstream\nretry: 1000\n\nevent: token\ndata: a\ndata: b\nid: s-1-1\n\n${run(2, 2)}${ended(2, "completed")}`;
  const { fetch, sent } = script(events([body], "clean"));
  const stream = openStream(url, { fetch });
  expect(await readAll(stream)).toEqual({
    events: [
      { id: "s-1-1", event: "token", data: "a\nb" },
      { id: "s-1-2", event: "message", data: "2" },
    ],
    thrown: null,
  });
  expect([stream.state, stream.outcome, stream.cursor, stream.url]).toEqual(["ended", "completed", "s-1-2", streamUrl]);
  expect(sent.map(({ method, headers }) => [method, headers.get("accept"), headers.get("last-event-id")])).toEqual([["GET", "text/event-stream", null]]);
});

test("one stream reads the same over every chunk split", async () => {
  const body = `: longstream\nretry: 1000\n\n:\n\nevent: name\ndata: é€𝄞\ndata: two\nid: s-1-1\n\ndata: \nid: s-1-2\n\n${ended(2, "completed")}`;
  const bytes = new TextEncoder().encode(body);
  const expected = [
    { id: "s-1-1", event: "name", data: "é€𝄞\ntwo" },
    { id: "s-1-2", event: "message", data: "" },
  ];
  for (let at = 0; at <= bytes.length; at++) {
    const { fetch } = script(events([bytes.slice(0, at), bytes.slice(at)], "clean"));
    expect(await readAll(openStream(url, { fetch })), `split at ${at}`).toEqual({ events: expected, thrown: null });
  }
  const { fetch } = script(events([...bytes].map((byte) => Uint8Array.of(byte)), "clean"));
  expect(await readAll(openStream(url, { fetch })), "byte by byte").toEqual({ events: expected, thrown: null });
});

test("the cursor is the id of the event that was delivered last, and `from` before the first", async () => {
  const { fetch, sent } = script(events([run(4, 6) + ended(6, "completed")], "clean"));
  const stream = openStream(url, { fetch, from: "s-1-3" });
  expect(stream.cursor).toBe("s-1-3");
  const cursors: (string | null)[] = [];
  for await (const { id } of stream) cursors.push(id, stream.cursor);
  expect(cursors).toEqual(["s-1-4", "s-1-4", "s-1-5", "s-1-5", "s-1-6", "s-1-6"]);
  expect(sent[0]?.headers.get("last-event-id")).toBe("s-1-3");
});

test("a bare seq goes on behind it", async () => {
  const { fetch, sent } = script(events([run(4, 4) + ended(4, "completed")], "clean"));
  expect(await readData(openStream(streamUrl, { fetch, from: "3" }))).toEqual(["4"]);
  expect(sent[0]?.headers.get("last-event-id")).toBe("3");
});

test("method, headers and body are those of the caller, beside the client's own", async () => {
  const { fetch, sent } = script(events([ended(0, "completed")], "clean"));
  await readAll(openStream(url, { fetch, method: "post", headers: { authorization: "Bearer 1" }, body: "question" }));
  expect(sent.map(({ method, body, headers }) => [method, body, headers.get("authorization"), headers.get("accept")])).toEqual([
    ["POST", "question", "Bearer 1", "text/event-stream"],
  ]);
});

test("failed is thrown with the gateway's code and message, after all events were delivered", async () => {
  const error = { code: "replay-diverged", message: "Cannot go on with this stream: event 2 differs" };
  const { fetch } = script(events([run(1, 2) + ended(2, "failed", error)], "cut"));
  const stream = openStream(url, { fetch });
  const { events: seen, thrown } = await readAll(stream);
  expect(seen).toHaveLength(2);
  expect(thrown).toMatchObject({ name: "LongstreamError", ...error });
  expect([stream.state, stream.outcome]).toEqual(["ended", "failed"]);
});

test("an outcome without a reason, or with a code of a later version, has a code all the same", async () => {
  expect(await thrownAt(ended(0, "expired"))).toMatchObject({ code: "expired" });
  expect(await thrownAt(ended(0, "failed"))).toMatchObject({ code: "handler-failed" });
  expect(await thrownAt(ended(0, "failed", { code: "of-tomorrow", message: "why" }))).toMatchObject({ code: "handler-failed", message: "why" });
});

test("cancelled ends the iteration without an error", async () => {
  const { fetch } = script(events([run(1, 1) + ended(1, "cancelled", { code: "cancelled", message: "by request" })], "clean"));
  const stream = openStream(url, { fetch });
  expect(await readData(stream)).toEqual(["1"]);
  expect([stream.state, stream.outcome]).toEqual(["ended", "cancelled"]);
});

test("onState tells each change once", async () => {
  const states: StreamState[] = [];
  const { fetch } = script(events([run(1, 1)], "cut"), events([run(2, 2) + ended(2, "completed")], "clean"));
  const stream = openStream(url, { fetch, retry: quick, onState: (state) => states.push(state) });
  expect(stream.state).toBe("connecting");
  await readAll(stream);
  expect(states).toEqual(["open", "reconnecting", "open", "ended"]);
});

test("P2: two loops share what comes, the first event too", async () => {
  const { fetch } = script(events([run(1, 3) + ended(3, "completed")], "clean"));
  const stream = openStream(url, { fetch });
  const first = stream[Symbol.asyncIterator]();
  expect((await first.next()).value).toMatchObject({ data: "1" });
  const second: unknown[] = [];
  for await (const { data } of stream.json()) second.push(data);
  expect([second, await first.next(), stream.outcome]).toEqual([[2, 3], { done: true, value: undefined }, "completed"]);
});

test.each<[string, () => ReturnType<typeof script>, string]>([
  ["a connection that was given up", () => script(events([run(1, 1)], "cut"), unreachable), "unavailable"],
  ["an outcome that is an error", () => script(events([run(1, 1) + ended(1, "failed")], "cut")), "handler-failed"],
  ["an event that cannot be parsed", () => script(events(["data: {\nid: s-1-1\n\n"], "open")), "bad-event"],
])("a loop behind %s gives nothing, and throws the same", async (_, answers, code) => {
  const { fetch } = answers();
  const stream = openStream(url, { fetch, retry: { ...quick, tries: 1 } });
  const thrown: unknown[] = [];
  const after: string[] = [];
  for (const count of [1, 2, 3]) {
    try {
      for await (const { id } of stream.json()) if (count > 1) after.push(id);
    } catch (error) {
      thrown.push(error);
    }
  }
  expect(thrown[0]).toMatchObject({ code });
  expect([after, thrown.length, new Set(thrown).size]).toEqual([[], 3, 1]);
});

test("what onState throws at the end ends the reading with it", async () => {
  const { fetch } = script(events([run(1, 1) + ended(1, "completed")], "clean"));
  const onState = (state: StreamState): void => {
    if (state === "ended") throw new Error("no page any more");
  };
  expect(await readAll(openStream(url, { fetch, onState }))).toMatchObject({ events: [{ data: "1" }], thrown: new Error("no page any more") });
});

test("breaking out of the iteration closes the connection", async () => {
  const { fetch, sent } = script(events([run(1, 2)], "open"));
  const stream = openStream(url, { fetch });
  for await (const { data } of stream) if (data === "1") break;
  expect([stream.state, stream.outcome, stream.cursor, sent[0]?.signal?.aborted]).toEqual(["ended", null, "s-1-1", true]);
});

test("close ends an iteration that waits, asks nothing of the stream, and may be called again", async () => {
  const { fetch, sent } = script(events([run(1, 1)], "open"));
  const stream = openStream(url, { fetch });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  stream.close();
  stream.close();
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect([stream.state, stream.outcome, sent.length]).toEqual(["ended", null, 1]);
});

test("the caller's signal stops the iteration with its reason", async () => {
  const controller = new AbortController();
  const { fetch } = script(events([run(1, 1)], "open"));
  const stream = openStream(url, { fetch: abortable(fetch), signal: controller.signal });
  const states: StreamState[] = [];
  const thrown = (async () => {
    for await (const { data } of stream) {
      states.push(stream.state);
      if (data === "1") controller.abort(new Error("enough"));
    }
  })();
  await expect(thrown).rejects.toThrow("enough");
  expect([states, stream.state]).toEqual([["open"], "failed"]);
});

test("an aborted signal sends nothing", async () => {
  const { fetch, sent } = script();
  const { thrown } = await readAll(openStream(url, { fetch, signal: AbortSignal.abort(new Error("enough")) }));
  expect([thrown, sent]).toEqual([new Error("enough"), []]);
});

test("cancel posts the reason to the stream, and reading goes on to the outcome", async () => {
  const { fetch, sent } = script(
    events([run(1, 1), run(2, 2), ended(2, "cancelled")], "clean"),
    status("cancelled", 2),
  );
  const stream = openStream(url, { fetch });
  const seen: string[] = [];
  for await (const { data } of stream) {
    seen.push(data);
    if (data === "1") await stream.cancel("changed my mind");
  }
  expect([seen, stream.outcome]).toEqual([["1", "2"], "cancelled"]);
  expect(sent.slice(1).map((request) => [request.method, request.url, request.body])).toEqual([
    ["POST", `${streamUrl}/cancel`, '{"reason":"changed my mind"}'],
  ]);
});

test("P8 cancel before the first answer waits for it, since that names the stream", async () => {
  const head = deferred<Response>();
  const answer = events([ended(0, "cancelled")], "clean");
  const { fetch, sent } = script(() => head.promise, status("cancelled", 0));
  const stream = openStream(url, { fetch, method: "POST" });
  const cancelled = stream.cancel();
  await vi.waitFor(() => expect(sent).toHaveLength(1));
  for (const request of sent) head.resolve(await answer(request));
  await cancelled;
  expect(sent.map((request) => request.url)).toEqual([url, `${streamUrl}/cancel`]);
  expect(await readData(stream)).toEqual([]);
});

test("cancel is repeated until it is answered, also after close", async () => {
  const { fetch, sent } = script(events([run(1, 1)], "open"), problem(503, { code: "unavailable", detail: "later" }), status("cancelled", 1));
  const stream = openStream(url, { fetch, retry: quick });
  await stream[Symbol.asyncIterator]().next();
  stream.close();
  await stream.cancel();
  expect(sent.map((request) => request.method)).toEqual(["GET", "POST", "POST"]);
});

test("cancel of a stream that no answer named says so", async () => {
  const { fetch } = script(async () => new Promise(() => undefined));
  const stream = openStream(url, { fetch });
  const cancelled = stream.cancel();
  stream.close();
  await expect(cancelled).rejects.toMatchObject({ code: "stream-not-found" });
});

test("nothing is read ahead of the iteration but the first event", async () => {
  const taken: number[] = [];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken.push(taken.length + 1);
        controller.enqueue(new TextEncoder().encode(run(taken.length, taken.length)));
      },
    },
    { highWaterMark: 0 },
  );
  const { fetch } = script(() => new Response(body, { headers: { "content-type": "text/event-stream" } }));
  const seen: [string, number][] = [];
  for await (const { data } of openStream(url, { fetch })) {
    seen.push([data, taken.length]);
    if (seen.length === 4) break;
  }
  expect(seen).toEqual([["1", 1], ["2", 2], ["3", 3], ["4", 4]]);
});

async function thrownAt(end: string): Promise<unknown> {
  const { thrown } = await readAll(openStream(url, { fetch: script(events([end], "cut")).fetch }));
  return thrown;
}

/** As a real one: a body whose request is aborted breaks off. */
function abortable(fetch: ReturnType<typeof script>["fetch"]): typeof fetch {
  return async (target, init) => {
    const response = await fetch(target, init);
    const pipe = new TransformStream<Uint8Array, Uint8Array>();
    response.body?.pipeTo(pipe.writable, init.signal ? { signal: init.signal } : {}).catch(() => undefined);
    return new Response(pipe.readable, response);
  };
}
