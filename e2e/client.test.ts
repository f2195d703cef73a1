/** The client of the package in Node, against the real stack and its faults (P2, P3, P5, P8), and CORS as pages meet it. */

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openStream } from "../client/index.ts";
import type { LongstreamStream, SavingStorage, StreamState } from "../client/index.ts";
import { upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor } from "./support/status.ts";

const stack = useStack({ fixtures: ["body", "count", "shapes"], vars: { HEARTBEAT_MS: 500, HEAD_TIMEOUT_MS: 4_000, CORS_ORIGINS: "*" } });
const at = (path: string): URL => new URL(path, stack.current.url);
const retry = { minMs: 10, maxMs: 500 };
const idOf = ({ url }: LongstreamStream): string => url?.split("/").at(-1) ?? "";
const invocationsOf = (stream: LongstreamStream): number =>
  stack.current.lambda.invocations().filter(({ payload }) => JSON.stringify(payload).includes(idOf(stream))).length;

interface Counted {
  readonly n: number;
}

/** Reads the numbers of the count example; `on` is called behind each. */
async function count(stream: LongstreamStream, on: (n: number) => unknown = () => undefined): Promise<readonly number[]> {
  const numbers: number[] = [];
  for await (const { data } of stream.json<Counted>()) {
    numbers.push(data.n);
    await on(data.n);
  }
  return numbers;
}

describe("P5 survives: a loop over the stream goes on", () => {
  const faults: Readonly<Record<string, (id: string) => unknown>> = {
    "its connection dropped": (id) => stack.current.clients.drop(id),
    "the object evicted": async (id) => stack.current.worker.evict(id, "close"),
    "the object aborted": async (id) => stack.current.worker.abort(id),
    "the Lambda killed": (id) => stack.current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(id)),
    "the Worker restarted": async () => stack.current.worker.restart(),
  };

  test.each(Object.keys(faults))("P2, P5: %s, again and again", async (name) => {
    // A reconnect waits for up to three seconds, as the gateway says: the second fault is well behind it.
    const stream = openStream(at("/api/count?n=120&intervalMs=40"), { retry });
    const numbers = await count(stream, async (n) => {
      if (n === 10 || n === 100) await faults[name]?.(idOf(stream));
    });
    expect(numbers).toEqual(upTo(120));
    expect([stream.state, stream.outcome]).toEqual(["ended", "completed"]);
  });

  test("P2, P5: a POST that is dropped is resumed, and its function invoked once", async () => {
    const states: StreamState[] = [];
    const stream = openStream(at("/answers/count?n=120&intervalMs=40"), { method: "POST", body: "question", retry, onState: (state) => states.push(state) });
    const numbers = await count(stream, (n) => (n === 10 || n === 100) && expect(stack.current.clients.drop(idOf(stream))).toBe(1));
    expect(numbers).toEqual(upTo(120));
    expect(states).toEqual(["open", "reconnecting", "open", "reconnecting", "open", "ended"]);
    expect(invocationsOf(stream)).toBe(1);
  });

  test("P5: a connection that is open and dead is noticed at three times the heartbeat", async () => {
    let deadAt = 0;
    let noticedAt = 0;
    const onState = (state: StreamState): void => {
      if (state === "reconnecting") noticedAt = Date.now();
    };
    const stream = openStream(at("/api/count?n=6&intervalMs=1200"), { retry, onState });
    const numbers = await count(stream, (n) => {
      if (n !== 3) return;
      deadAt = Date.now();
      expect(stack.current.clients.blackhole(idOf(stream))).toBe(1);
    });
    expect(numbers).toEqual(upTo(6));
    // A heartbeat comes 500 to 750 ms after the last write, on a machine that is not busy; unobserved it would be 45 s.
    expect(noticedAt - deadAt).toBeGreaterThan(1_400);
    expect(noticedAt - deadAt).toBeLessThan(15_000);
    expect(invocationsOf(stream)).toBe(1);
  });

  test.each(["GET", "POST"])("a head that is late is waited for by %s, without a second invocation", async (method) => {
    const stream = openStream(at("/answers/body?kind=late&pauseMs=6000"), { method, retry });
    let text = "";
    for await (const chunk of stream.bytes()) text += new TextDecoder().decode(chunk);
    expect([text, invocationsOf(stream)]).toEqual(["late", 1]);
  });

  test("a head that is late, and then no event stream, is an error, and invokes once", async () => {
    const stream = openStream(at("/answers/body?kind=late&pauseMs=6000"), { retry });
    await expect(count(stream)).rejects.toMatchObject({ code: "protocol-error" });
    expect(invocationsOf(stream)).toBe(1);
  });
});

describe("bytes", () => {
  const size = 3_000_000;

  function noise(): Buffer {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24;
    return bytes;
  }

  test("P2: a body is whole after three cuts and a killed Lambda", async () => {
    const stream = openStream(at(`/answers/body?kind=noise&size=${size}&pauseMs=15`), { method: "POST", retry });
    const hash = createHash("sha256");
    const faults = [500_000, 1_000_000, 1_500_000, 2_000_000];
    let received = 0;
    for await (const chunk of stream.bytes()) {
      hash.update(chunk);
      received += chunk.length;
      if (received < (faults[0] ?? Number.POSITIVE_INFINITY)) continue;
      faults.shift();
      if (faults.length === 1) stack.current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(idOf(stream)));
      else stack.current.clients.drop(idOf(stream));
    }
    expect([received, hash.digest("hex")]).toEqual([size, createHash("sha256").update(noise()).digest("hex")]);
    expect([stream.outcome, stream.cursor]).toEqual(["completed", String(size)]);
  });

  test("P3: a handler that throws in mid-body is an error behind what it gave", async () => {
    const stream = openStream(at("/answers/body?kind=break"), { retry });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream.bytes()) text += new TextDecoder().decode(chunk);
    })();
    await expect(reading).rejects.toMatchObject({ code: "handler-failed", message: "the handler broke" });
    expect([text, stream.outcome]).toEqual(["one", "failed"]);
  });

  test("an answer without a body has no bytes", async () => {
    for await (const chunk of openStream(at("/answers/body?kind=none")).bytes()) expect(chunk).toBe("never");
  });
});

describe("the end, and what is no answer", () => {
  test("P3: a handler that throws is an error with its message, behind its events", async () => {
    const stream = openStream(at("/fixtures/shapes?kind=throw"));
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { data } of stream) seen.push(data);
    })();
    await expect(reading).rejects.toMatchObject({ code: "handler-failed", message: "the handler broke" });
    expect([seen, stream.state, stream.outcome]).toEqual([["one", "two"], "ended", "failed"]);
  });

  test("P3: a handler that throws before its head is an error with its message too", async () => {
    const stream = openStream(at("/answers/body?kind=throw"), { method: "POST" });
    await expect(count(stream)).rejects.toMatchObject({ code: "handler-failed", message: "the handler broke before its head" });
    expect([stream.state, stream.outcome]).toEqual(["ended", "failed"]);
  });

  test("P8: a cancel by another client ends the loop", async () => {
    const stream = openStream(at("/fixtures/shapes?kind=hang"));
    for await (const { data } of stream) {
      expect(data).toBe("waiting");
      await openStream(stream.url ?? "").cancel("enough");
    }
    expect(stream.outcome).toBe("cancelled");
  });

  test.each([
    ["a handler's own 418", "/answers/body?kind=teapot", "bad-request", /: it answers 418 \(text\/plain\)$/],
    ["no such route", "/nowhere", "route-not-found", /no route in ROUTES takes this path/],
    ["no such stream", "/streams/none", "stream-not-found", /it was never created, or its log was removed/],
    ["an answer that is no event stream", "/answers/body?kind=readable", "protocol-error", /read anything else by bytes\(\)$/],
  ])("%s is an error with a code", async (_what, path, code, message) => {
    const stream = openStream(at(path), { retry });
    await expect(count(stream)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(stream.state).toBe("failed");
  });

  test("P2: a cursor of another log is an event that says what was lost, before the log from its start", async () => {
    const old = openStream(at("/api/count?n=3&intervalMs=0"));
    expect(await count(old)).toEqual(upTo(3));
    const stream = openStream(at("/answers/count?n=2&intervalMs=0"));
    expect(await count(stream)).toEqual(upTo(2));
    const seen: unknown[] = [];
    const id = idOf(stream);
    for await (const { data, reset } of openStream(stream.url ?? "", { from: old.cursor }).json<Counted>()) seen.push(reset ?? data.n);
    expect(seen).toEqual([{ reason: "foreign", cursor: old.cursor, first: `${id}-0` }, 1, 2]);
  });
});

describe("a page that is loaded again", () => {
  const map = new Map<string, string>();
  const storage: SavingStorage = { getItem: (key) => map.get(key) ?? null, setItem: (key, value) => map.set(key, value), removeItem: (key) => map.delete(key) };
  const load = (): LongstreamStream => openStream(at("/answers/count?n=40&intervalMs=20"), { method: "POST", retry }).saveTo(storage, "count");

  test("P2: goes on behind what it had, to the end, and posts once; the next load ends at once", async () => {
    const seen: number[] = [];
    const first = load();
    for await (const { data } of first.json<Counted>()) {
      seen.push(data.n);
      if (data.n === 15) break;
    }
    const second = load();
    seen.push(...(await count(second)));
    expect([seen, second.url, invocationsOf(first)]).toEqual([upTo(40), first.url, 1]);
    const third = load();
    expect([await count(third), third.outcome]).toEqual([[], "completed"]);
  });

  test("is told when the stream was removed meanwhile, and begins anew the next time", async () => {
    const { url } = load();
    await fetch(url ?? "", { method: "DELETE" });
    await expect(count(load())).rejects.toMatchObject({ code: "stream-not-found" });
    const anew = load();
    expect([await count(anew), anew.url === url]).toEqual([upTo(40), false]);
  });
});

describe("CORS", () => {
  const shown = (response: Response): readonly (string | null)[] => ["allow-origin", "expose-headers"].map((name) => response.headers.get(`access-control-${name}`));
  const expected = ["*", "stream-id, stream-url, stream-outcome, stream-status, content-range, accept-ranges, etag, location"];

  test("every answer names who may see it, and what: routes, problems, 204, 206, 416 and preflights", async () => {
    const ended = openStream(at("/answers/body?kind=noise&size=1000"));
    for await (const _ of ended.bytes()) continue;
    const counted = openStream(at("/api/count?n=2&intervalMs=0"));
    expect(await count(counted)).toEqual(upTo(2));
    await waitFor("both ends", async () => ((await statusOf(stack.current.url, idOf(ended))).outcome === null ? undefined : true));
    const asked: readonly (readonly [status: number, path: string | null, init: RequestInit])[] = [
      [200, "/api/count?n=1", {}],
      [404, "/nowhere", {}],
      [405, "/api/count", { method: "PUT" }],
      [418, "/answers/body?kind=teapot", {}],
      [202, "/api/count?n=1", { headers: { prefer: "respond-async" } }],
      [204, counted.url, { headers: { "last-event-id": counted.cursor ?? "" } }],
      [206, ended.url, { headers: { range: "bytes=5-" } }],
      [416, ended.url, { headers: { range: "bytes=1000-" } }],
      [200, `${ended.url}/status`, {}],
      [200, `${ended.url}/cancel`, { method: "POST" }],
      [204, `${ended.url}`, { method: "DELETE" }],
      [404, `${ended.url}`, {}],
    ];
    for (const [status, path, init] of asked) {
      const response = await fetch(at(path ?? ""), init);
      expect([path, response.status, ...shown(response)]).toEqual([path, status, ...expected]);
      await response.body?.cancel();
    }
  });
});
