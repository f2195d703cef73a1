/** The main path: a request on a route, answered event by event, and resumed from any cursor. */

import { describe, expect, test } from "vitest";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({ fixtures: ["shapes"], vars: { HEARTBEAT_MS: 200 } });
const at = (path: string): URL => new URL(path, stack.current.url);

describe("a request on a route", () => {
  test("is answered as an event stream with the stream's id and URL", async () => {
    const reader = await Reader.readAll(at("/api/count?n=3&intervalMs=0&size=30"));
    const { headers } = reader.response;
    expect(reader.response.status).toBe(200);
    expect(headers.get("content-type")).toBe("text/event-stream");
    expect(headers.get("cache-control")).toBe("no-cache, no-store, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("content-length")).toBeNull();
    expect(headers.get("stream-id")).toMatch(/^[A-Za-z0-9_-]{21}$/);
    expect(headers.get("stream-url")).toBe(at(`/streams/${reader.streamId}`).href);
  });

  test("writes comment and retry first, then data, id and a blank line for each event, with line feeds alone", async () => {
    const reader = await Reader.readAll(at("/api/count?n=2&intervalMs=0&size=0"));
    const id = reader.streamId;
    expect(reader.text.replace(/retry: \d+/, "retry: N")).toBe(
      `: longstream\nretry: N\nid: ${id}-0\n\ndata: {"n":1}\nid: ${id}-1\n\ndata: {"n":2}\nid: ${id}-2\n\n` +
        `event: longstream.end\ndata: {"outcome":"completed"}\nid: ${id}-2\n\n`,
    );
    expect(reader.retryMs).toBeGreaterThanOrEqual(1_000);
    expect(reader.retryMs).toBeLessThan(3_000);
  });

  test("pads the count example's events to the asked size", async () => {
    const reader = await Reader.readAll(at("/api/count?n=12&intervalMs=0&size=40"));
    expect(reader.messages.map(({ data }) => data.length)).toEqual(upTo(12).map(() => 40));
    expect(reader.numbers).toEqual(upTo(12));
  });

  test("sends no control events to a client that does not ask for an event stream", async () => {
    const reader = await Reader.readAll(at("/api/count?n=2&intervalMs=0"), { accept: "*/*" });
    expect(reader.events.map(({ event }) => event)).toEqual([undefined, undefined]);
    expect(await reader.ended).toBe("clean");
  });

  test("keeps names, line breaks, empty data, JSON and Unicode as the handler yielded them", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=fields"));
    expect(reader.messages.map(({ event, data }) => [event, data])).toEqual([
      ["first", "one\ntwo\nthree\nfour"],
      [undefined, ""],
      [undefined, '{"n":3}'],
      [undefined, "ünïcödé 💡"],
    ]);
  });

  test("hands the handler method, URL, headers and body", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=echo"), {
      method: "POST",
      body: '{"prompt":"hello"}',
      headers: { "content-type": "application/json", "x-mine": "yes" },
    });
    const request: unknown = JSON.parse(reader.messages[0]?.data ?? "");
    expect(request).toMatchObject({
      method: "POST",
      url: at("/fixtures/shapes?kind=echo").href,
      headers: { "content-type": "application/json", "x-mine": "yes" },
      body: '{"prompt":"hello"}',
    });
  });

  test("streams the shipped text token by token from a POST", async () => {
    const reader = await Reader.readAll(at("/api/tokens?tokensPerSecond=0"), {
      method: "POST",
      body: '{"prompt":"Why do streams break?"}',
      headers: { "content-type": "application/json" },
    });
    expect(reader.messages.length).toBeGreaterThan(100);
    expect(reader.control("longstream.end")).toEqual({ outcome: "completed" });
  });

  test("that prefers no answer gets 202 and the stream's location, and the stream runs", async () => {
    const response = await fetch(at("/api/count?n=5&intervalMs=0"), { headers: { prefer: "respond-async" } });
    expect(response.status).toBe(202);
    const location = response.headers.get("location") ?? "";
    expect(location).toBe(`/streams/${response.headers.get("stream-id")}`);
    const reader = await Reader.readAll(at(location));
    expect(reader.numbers).toEqual(upTo(5));
  });

  test("beats with comments that carry no id while the handler is silent", async () => {
    const reader = await Reader.open(at("/fixtures/shapes?kind=hang"));
    await reader.until(() => reader.comments.length >= 4, "three heartbeats");
    expect(reader.events.length).toBeLessThanOrEqual(1);
    reader.leave();
  });

  test("that completes with no event at all ends with its outcome and the cursor before the first event", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=empty"));
    expect(reader.events).toEqual([{ id: `${reader.streamId}-0`, event: "longstream.end", data: '{"outcome":"completed"}' }]);
    expect(await reader.ended).toBe("clean");
  });
});

describe("resuming", () => {
  const cut = async (path: string, after: number): Promise<Reader> => {
    const reader = await Reader.open(at(path));
    await reader.seen(after);
    reader.leave();
    await reader.ended;
    return reader;
  };

  test("the same URL with Last-Event-ID goes on behind the cursor, each event once, and invokes nothing", async () => {
    const first = await cut("/api/count?n=60&intervalMs=10", 7);
    const second = await Reader.open(at("/api/count?n=60&intervalMs=10"), { cursor: first.cursor ?? "" });
    expect(second.streamId).toBe(first.streamId);
    await second.ended;
    expect([...first.numbers, ...second.numbers]).toEqual(upTo(60));
    const invoked = stack.current.lambda.invocations().filter(({ payload }) => JSON.stringify(payload).includes(first.streamId));
    expect(invoked).toHaveLength(1);
  });

  test("GET /streams/{id} goes on from the header, from ?from= with a cursor, and from ?from= with a seq", async () => {
    const whole = await Reader.readAll(at("/api/count?n=20&intervalMs=0"));
    const id = whole.streamId;
    for (const [query, cursor] of [["", `${id}-5`], [`?from=${id}-5`], ["?from=5"]] as const) {
      const rest = await Reader.readAll(at(`/streams/${id}${query}`), cursor === undefined ? {} : { cursor });
      expect(rest.numbers).toEqual(upTo(20).slice(5));
    }
  });

  test("where header and query disagree the header wins", async () => {
    const whole = await Reader.readAll(at("/api/count?n=10&intervalMs=0"));
    const rest = await Reader.readAll(at(`/streams/${whole.streamId}?from=2`), { cursor: `${whole.streamId}-8` });
    expect(rest.numbers).toEqual([9, 10]);
  });

  test("every single cursor of a stream gives exactly the events behind it", async () => {
    const whole = await Reader.readAll(at("/api/count?n=40&intervalMs=2&size=30"));
    expect(whole.numbers).toEqual(upTo(40));
    for (let seq = 0; seq < 40; seq++) {
      const rest = await Reader.readAll(at(`/streams/${whole.streamId}?from=${seq}`));
      expect(rest.numbers).toEqual(upTo(40).slice(seq));
      expect(rest.ids).toEqual(whole.ids.slice(seq));
    }
  });

  test("a cursor at the end of an ended stream is answered 204 with the outcome", async () => {
    const whole = await Reader.readAll(at("/api/count?n=3&intervalMs=0"));
    for (const path of ["/api/count?n=3&intervalMs=0", `/streams/${whole.streamId}`]) {
      const again = await Reader.readAll(at(path), { cursor: whole.cursor ?? "" });
      expect(again.response.status).toBe(204);
      expect(again.response.headers.get("stream-outcome")).toBe("completed");
      expect(again.text).toBe("");
    }
  });

  test("live=false gives what is stored and ends cleanly while the stream goes on", async () => {
    const live = await Reader.open(at("/api/count?n=500&intervalMs=10"));
    await live.seen(5);
    const stored = await Reader.readAll(at(`/streams/${live.streamId}?live=false`));
    expect(await stored.ended).toBe("clean");
    expect(stored.numbers).toEqual(upTo(stored.numbers.length));
    expect(stored.numbers.length).toBeGreaterThanOrEqual(5);
    expect(stored.control("longstream.end")).toBeUndefined();
    expect((await statusOf(stack.current.url, live.streamId)).outcome).toBeNull();
    live.leave();
  });

  test.each([
    ["malformed", () => "no cursor!", "unknown"],
    ["20 kB long", () => "x".repeat(9_000), "unknown"],
    ["of another log", () => "another_log-3", "foreign"],
    ["beyond the end", (id: string) => `${id}-999`, "beyond-end"],
  ])("a cursor that is %s gets longstream.reset and the log from its start", async (_what, cursorOf, reason) => {
    const whole = await Reader.readAll(at("/api/count?n=4&intervalMs=0"));
    const reader = await Reader.readAll(at(`/streams/${whole.streamId}`), { cursor: cursorOf(whole.streamId) });
    expect(reader.control("longstream.reset")).toEqual({ reason, first: `${whole.streamId}-0` });
    expect(reader.numbers).toEqual(upTo(4));
  });

  test("a reset is a comment for a client that does not ask for an event stream", async () => {
    const whole = await Reader.readAll(at("/api/count?n=2&intervalMs=0"));
    const reader = await Reader.readAll(at(`/streams/${whole.streamId}`), { cursor: "x-1", accept: "*/*" });
    expect(reader.comments).toContain(`longstream.reset {"reason":"foreign","first":"${whole.streamId}-0"}`);
    expect(reader.numbers).toEqual([1, 2]);
  });

  test("a cursor that names nothing on a route gets a new stream, and is told so", async () => {
    const reader = await Reader.readAll(at("/api/count?n=3&intervalMs=0"), { cursor: "never_created-7" });
    expect(reader.control("longstream.reset")).toEqual({ reason: "foreign", first: `${reader.streamId}-0` });
    expect(reader.numbers).toEqual([1, 2, 3]);
  });

  test("a route does not resume a stream that another route created", async () => {
    const other = await Reader.readAll(at("/fixtures/shapes?kind=fields"));
    const reader = await Reader.readAll(at("/api/count?n=2&intervalMs=0"), { cursor: `${other.streamId}-2` });
    expect(reader.streamId).not.toBe(other.streamId);
    expect(reader.numbers).toEqual([1, 2]);
  });
});

describe("a stream's own paths", () => {
  test("status tells phase, seqs, outcome and readers, to GET and HEAD", async () => {
    const reader = await Reader.readAll(at("/api/count?n=6&intervalMs=0"));
    const status = await waitForStatus(stack.current.url, reader.streamId, ({ consumers }) => consumers === 0);
    expect(status).toMatchObject({ phase: "ended", attempt: 1, firstSeq: 1, lastSeq: 6, outcome: "completed", error: null });
    const head = await fetch(at(`/streams/${reader.streamId}`), { method: "HEAD" });
    expect([head.status, head.headers.get("stream-outcome")]).toEqual([200, "completed"]);
  });

  test("cancel ends the stream with outcome cancelled, and once is as good as twice", async () => {
    const reader = await Reader.open(at("/fixtures/shapes?kind=hang"));
    await reader.seen(1);
    for (let i = 0; i < 2; i++) {
      const response = await fetch(at(`/streams/${reader.streamId}/cancel`), { method: "POST", body: '{"reason":"enough"}' });
      expect(await response.json()).toMatchObject({ phase: "ended", outcome: "cancelled" });
    }
    await reader.ended;
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "cancelled", error: { code: "cancelled", message: "enough" } });
  });

  test("delete removes the log, and the id is 404 from then on", async () => {
    const reader = await Reader.readAll(at("/api/count?n=2&intervalMs=0"));
    const path = `/streams/${reader.streamId}`;
    expect((await fetch(at(path), { method: "DELETE" })).status).toBe(204);
    expect((await fetch(at(path))).status).toBe(404);
    expect((await fetch(at(`${path}/status`))).status).toBe(404);
    expect((await fetch(at(path), { method: "DELETE" })).status).toBe(404);
  });
});
