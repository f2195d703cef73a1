/** The promises again, for upstreams that the object itself reads: a function or an API that nobody changed (P2 to P8). */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";
import type { Status } from "./support/status.ts";
import { drop, numbered, sse, startUpstream } from "./support/upstream.ts";

const upstream = await startUpstream();
afterAll(async () => upstream.close());

const region = "us-east-1";
const apiKey = "sk-very-secret-0123456789";
const methods = ["GET", "HEAD", "POST", "PUT"];
const relay = (path: string, more: object = {}): object => ({ path: `${path}/*`, methods, upstream: upstream.url, ...more });
const idleMs = 1_500;
const stack = useStack({
  routes: [
    relay("/plain"),
    relay("/events", { kind: "events" }),
    relay("/by-id", { kind: "events", resume: "last-event-id" }),
    relay("/by-number", { resume: "starting-after" }),
    relay("/by-range", { resume: "range" }),
    relay("/idle", { resume: "last-event-id", settings: { upstreamIdleMs: idleMs } }),
    relay("/keyed", { upstream: `${upstream.url}/keyed?fixed=1`, upstreamHeaders: { authorization: "Bearer ${MODEL_API_KEY}", cookie: "", "x-own": "a" } }),
    relay("/left", { kind: "events", onAbandon: { cancelAfterMs: 1_000 } }),
    relay("/small", { maxRequestBytes: 500_000 }),
    relay("/dead", { upstream: "http://127.0.0.1:9/" }),
    relay("/function", { upstream: `https://unchanged.lambda-url.${region}.on.aws/`, region, kind: "events" }),
    relay("/unsigned", { upstream: `https://unchanged.lambda-url.${region}.on.aws/` }),
  ],
  vars: { MODEL_API_KEY: apiKey },
});

const at = (path: string): URL => new URL(path, stack.current.url);
const idOf = (response: Response): string => response.headers.get("stream-id") ?? "";
const ended = async (id: string): Promise<Status> => waitForStatus(stack.current.url, id, ({ phase }) => phase === "ended");
const lastIdOf = (header: string | string[] | undefined): number => Number(/^e(\d+)$/.exec(String(header))?.[1] ?? 0);

/** Bytes `from` to `to` of an endless noise. */
function noise(from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(from + i, 0x9e3779b1) >>> 24;
  return bytes;
}
/** Node wants to be told that nothing is answered before the body's end; the types do not know it. */
const streaming = (body: ReadableStream<Uint8Array>): RequestInit => Object.assign({ method: "POST", body }, { duplex: "half" });
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("an answer, as if the upstream answered directly", () => {
  test("a JSON 404 has its status, headers and body; hop-by-hop headers stay behind", async () => {
    upstream.script("missing", (_asked, response) => {
      response.writeHead(404, { "content-type": "application/json", "x-own": "1", "set-cookie": ["a=1", "b=2"], "stream-outcome": "forged" }).end('{"error":"no such model"}');
    });
    const response = await fetch(at("/plain/missing"));
    expect([response.status, response.headers.get("content-type"), response.headers.get("x-own"), response.headers.getSetCookie()]).toEqual([404, "application/json", "1", ["a=1", "b=2"]]);
    expect(response.headers.get("stream-outcome")).toBeNull();
    expect(await response.text()).toBe('{"error":"no such model"}');
    expect(await statusOf(stack.current.url, idOf(response))).toMatchObject({ outcome: "completed", mode: "bytes", status: 404, attempt: 1 });
  });

  test.each([429, 500, 503, 301])("a %i is passed on and not tried again, on a route of kind response", async (status) => {
    upstream.script(`status-${status}`, (_asked, response) => void response.writeHead(status, { "retry-after": "7", location: "/elsewhere" }).end("because"));
    const response = await fetch(at(`/plain/status-${status}`), { redirect: "manual" });
    expect([response.status, response.headers.get("retry-after"), await response.text()]).toEqual([status, "7", "because"]);
    expect(upstream.asked(`status-${status}`)).toHaveLength(1);
  });

  test("method, path, query, headers and body are passed on; the connection's own headers are not", async () => {
    upstream.script("echo", (asked, response) => void response.end(JSON.stringify({ ...asked, body: asked.body.toString("utf8") })));
    const response = await fetch(at("/plain/echo/a%20b/../c?x=1&y=%2F"), {
      method: "PUT",
      headers: { "content-type": "application/json", authorization: "Bearer mine", cookie: "s=1", "x-own": "ü".normalize("NFD").charAt(0), "x-amzn-trace-id": "Root=1", "x-forwarded-for": "10.0.0.1" },
      body: '{"prompt":"hé"}',
    });
    expect(JSON.parse(await response.text())).toMatchObject({ method: "PUT", rest: "/c?x=1&y=%2F", body: '{"prompt":"hé"}' });
    const headers = upstream.asked("echo")[0]?.headers;
    expect(headers).toMatchObject({ "content-type": "application/json", authorization: "Bearer mine", cookie: "s=1", "x-own": "u", "accept-encoding": "identity", host: new URL(upstream.url).host });
    for (const name of ["x-amzn-trace-id", "x-forwarded-for", "cf-connecting-ip", "x-real-ip"]) expect(headers).not.toHaveProperty(name);
  });

  test("a body of several MB arrives whole, both ways; HEAD and 204 have none", async () => {
    const size = 5_000_000;
    upstream.script("mirror", (asked, response) => void response.writeHead(200, { "content-type": "video/mp4" }).end(asked.body));
    const mirrored = await fetch(at("/plain/mirror"), { method: "POST", body: new Uint8Array(noise(0, size)) });
    expect(sha256(Buffer.from(await mirrored.arrayBuffer()))).toBe(sha256(noise(0, size)));
    upstream.script("bare", (asked, answer) => void answer.writeHead(asked.method === "HEAD" ? 200 : 204, asked.method === "HEAD" ? { "content-length": "1000" } : {}).end());
    expect((await fetch(at("/plain/bare"), { method: "POST" })).status).toBe(204);
    const head = await fetch(at("/plain/bare"), { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "1000"]);
    expect((await ended(idOf(head))).outcome).toBe("completed");
  });

  test("a body on its way is passed on as it comes, and asked for no longer than it is wanted", async () => {
    const got: number[] = [];
    upstream.raw("upload", async (incoming, response) => {
      incoming.on("data", (part: Buffer) => got.push(part.length));
      await once(incoming, "end");
      response.end(String(got.reduce((sum, length) => sum + length, 0)));
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const answered = fetch(at("/plain/upload"), streaming(readable));
    const writer = writable.getWriter();
    await writer.write(noise(0, 1_000));
    await waitFor("the first part", () => got[0]);
    for (let i = 0; i < 30; i++) await writer.write(noise(0, 100_000));
    await writer.close();
    expect(await (await answered).text()).toBe("3001000");
  });

  test.each([
    ["leaves", "upload-broken"],
    ["cancels", "cancelled"],
  ])("a client that %s in mid-upload: its upstream sees a broken request, never a short one", async (how, code) => {
    let seen = "nothing";
    upstream.raw(`client-${how}`, async (incoming) => {
      incoming.on("data", () => (seen = "bytes")).on("end", () => (seen = "the end")).on("error", () => (seen = "a break"));
      await once(incoming, "close");
    });
    const sending = request(at(`/events/client-${how}`), { method: "POST", headers: { accept: "text/event-stream" } });
    sending.on("error", () => undefined);
    const streamId = new Promise<string>((resolve) => sending.on("response", ({ headers }) => resolve(String(headers["stream-id"]))));
    sending.write(noise(0, 1_000));
    await waitFor("the first part", () => (seen === "nothing" ? undefined : seen));
    if (how === "leaves") sending.destroy();
    else await fetch(at(`/streams/${await streamId}/cancel`), { method: "POST" });
    expect((await ended(await streamId)).error?.code).toBe(code);
    await waitFor("the break", () => (seen === "bytes" ? undefined : seen));
    expect(seen).toBe("a break");
    sending.destroy();
  });

  test("a body that turns out to be too large is a 413, and its upstream sees a broken request", async () => {
    let seen = "nothing";
    upstream.raw("too-large", async (incoming) => {
      incoming.on("data", () => (seen = "bytes")).on("end", () => (seen = "the end")).on("error", () => (seen = "a break"));
      await once(incoming, "close");
    });
    const sending = request(at("/small/too-large"), { method: "POST" });
    sending.on("error", () => undefined);
    const status = new Promise<number | undefined>((resolve) => sending.on("response", ({ statusCode }) => resolve(statusCode)));
    sending.write(noise(0, 1_000));
    await waitFor("the first part", () => (seen === "nothing" ? undefined : seen));
    for (let i = 0; i < 6; i++) sending.write(noise(0, 100_000));
    expect(await status).toBe(413);
    await waitFor("the break", () => (seen === "bytes" ? undefined : seen));
    expect(seen).toBe("a break");
    sending.destroy();
  });

  test("the route's headers take the place of the client's; a secret reaches the upstream and nobody else", async () => {
    upstream.script("keyed", (_asked, response) => void sse(response).end(numbered(1)));
    const reader = await Reader.readAll(at("/keyed?mine=2"), { headers: { authorization: "Bearer the-client's", cookie: "session=1" } });
    expect(reader.numbers).toEqual([1]);
    const [asked] = upstream.asked("keyed");
    expect(asked?.rest).toBe("?fixed=1&mine=2");
    expect(asked?.headers).toMatchObject({ authorization: `Bearer ${apiKey}`, "x-own": "a" });
    expect(asked?.headers).not.toHaveProperty("cookie");
    const stored = JSON.stringify(await stack.current.worker.sql(reader.streamId, "SELECT json FROM record"));
    expect(stored).toContain("MODEL_API_KEY");
    const status = await (await fetch(at(`/streams/${reader.streamId}/status`))).text();
    expect([stored, status, reader.text].filter((text) => text.includes(apiKey))).toEqual([]);
  });

  test("a compressed answer, sent unasked, is passed on as what it says", async () => {
    const { gzipSync } = await import("node:zlib");
    upstream.script("zipped", (_asked, response) => void response.writeHead(200, { "content-type": "text/plain", "content-encoding": "gzip" }).end(gzipSync("plain text ".repeat(1_000))));
    const response = await fetch(at("/plain/zipped"));
    expect(await response.text()).toBe("plain text ".repeat(1_000));
    expect((await ended(idOf(response))).outcome).toBe("completed");
  });
});

describe("an event stream", () => {
  test("P2: every event once and in order for readers who come, go and come back; names and lines are kept", async () => {
    upstream.script("long", async (_asked, response) => {
      sse(response).write(": hello\nretry: 5\n\nevent: first\ndata: one\r\ndata: two\nid: e0\n\n");
      for (let n = 1; n <= 60; n++) {
        response.write(numbered(n));
        await sleep(15);
      }
      response.end("data: [DONE]\n\ndata: never ended by a blank line\n");
    });
    const reader = await Reader.open(at("/events/long"));
    await reader.seen(10);
    reader.leave();
    const again = await Reader.readAll(at("/events/long"), { cursor: reader.cursor ?? "" });
    const late = await Reader.readAll(at(`/streams/${reader.streamId}`));
    expect(late.messages.map(({ event, data }) => [event, data])).toEqual([["first", "one\ntwo"], ...upTo(60).map((n) => [undefined, `{"n":${n}}`]), [undefined, "[DONE]"]]);
    expect([...reader.ids, ...again.ids].slice(0, 62)).toEqual(late.ids.slice(0, 62));
    expect([again.streamId, await again.ended, upstream.asked("long").length]).toEqual([reader.streamId, "clean", 1]);
  });

  test("200,000 events in one burst arrive once and in order, and memory is bounded by commits", { timeout: 120_000 }, async () => {
    const count = 200_000;
    upstream.script("burst", async (_asked, response) => {
      sse(response);
      for (let n = 1; n <= count; n += 1_000) {
        const part = Array.from({ length: 1_000 }, (_, index) => `data: {"n":${n + index}}\n\n`).join("");
        if (!response.write(part)) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end();
    });
    const reader = await Reader.readAll(at("/events/burst"));
    expect(reader.numbers).toEqual(upTo(count));
    expect((await ended(reader.streamId)).lastSeq).toBe(count);
  });

  test("an event over the limit, and a name that is the gateway's, end the stream and say so", async () => {
    upstream.script("large", (_asked, response) => void sse(response).end(`data: 1\n\ndata: ${"x".repeat(1_100_000)}\n\n`));
    upstream.script("reserved", (_asked, response) => void sse(response).end("event: longstream.end\ndata: {}\n\n"));
    expect((await ended((await Reader.readAll(at("/events/large"))).streamId)).error?.code).toBe("event-too-large");
    expect((await ended((await Reader.readAll(at("/events/reserved"))).streamId)).error?.code).toBe("bad-event");
  });

  test("on a route of kind events, another answer ends the stream and says which; 429 is tried again", async () => {
    upstream.script("denied", (_asked, response) => void response.writeHead(401, { "content-type": "application/json" }).end("{}"));
    const denied = await Reader.readAll(at("/events/denied"));
    expect(JSON.stringify(denied.control("longstream.end"))).toMatch(/bad-handler-result.*401 and application\/json/);
    upstream.script("busy", (_asked, response, nth) => void (nth < 3 ? response.writeHead(429).end("slow down") : sse(response).end(numbered(1))));
    const busy = await Reader.readAll(at("/events/busy"));
    expect([busy.numbers, await busy.ended, upstream.asked("busy").length]).toEqual([[1], "clean", 3]);
    upstream.script("down", (_asked, response) => void response.writeHead(503).end("maintenance"));
    const down = await Reader.readAll(at("/events/down"));
    expect(JSON.stringify(down.control("longstream.end"))).toMatch(/attempts-exhausted.*\/base: it answered 503 \(maintenance\)"/);
  });
});

describe("P3: an upstream that breaks off on a route that cannot resume", () => {
  test("fails its stream with what to set; readers see a broken body", async () => {
    upstream.script("dropped", async (_asked, response) => {
      sse(response).write(numbered(1) + numbered(2));
      await drop(response);
    });
    const reader = await Reader.readAll(at("/plain/dropped"));
    expect([reader.numbers, await reader.ended, upstream.asked("dropped").length]).toEqual([[1, 2], "aborted", 1]);
    expect((await ended(reader.streamId)).error).toEqual({
      code: "upstream-dropped",
      message: expect.stringMatching(/^Cannot go on behind event 2: the upstream http:\/\/127\.0\.0\.1:\d+\/base broke its answer off \(.+\); set resume = "last-event-id", "starting-after" or "range" on its route/),
    });
  });

  test.each([
    ["of a declared length", { "content-length": "5000" }],
    ["without one", {}],
  ])("the body %s that is cut is not taken for complete", async (what, headers) => {
    const name = `cut-${what.length}`;
    upstream.script(name, async (_asked, response) => {
      response.writeHead(200, { "content-type": "text/plain", ...headers }).write(noise(0, 1_000));
      await drop(response);
    });
    const response = await fetch(at(`/plain/${name}`));
    await expect(response.arrayBuffer()).rejects.toThrow("terminated");
    expect((await ended(idOf(response))).error).toMatchObject({ code: "upstream-dropped", message: expect.stringMatching(/^Cannot go on behind byte 1000: /) });
  });

  test("a body that ends cleanly short of its chunked end marker is not taken for complete", async () => {
    upstream.script("unended", (_asked, response) => {
      response.socket?.end("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    });
    const response = await fetch(at("/plain/unended"));
    await expect(response.text()).rejects.toThrow("terminated");
    expect((await ended(idOf(response))).error?.code).toBe("upstream-dropped");
  });

  test("P5: the object aborted in the middle: a truthful end, and the same log", async () => {
    upstream.script("held", async (_asked, response) => {
      sse(response).write(numbered(1));
      await sleep(60_000, undefined, { ref: false });
    });
    const reader = await Reader.open(at("/plain/held"));
    await reader.seen(1);
    await stack.current.worker.abort(reader.streamId);
    expect(await reader.ended).toBe("aborted");
    expect((await ended(reader.streamId)).error).toMatchObject({ code: "upstream-dropped", message: expect.stringContaining("the object restarted") });
    expect((await Reader.readAll(at(`/streams/${reader.streamId}`))).numbers).toEqual([1]);
  });

  test("an upstream that cannot be reached is asked three times, then the reason is told", async () => {
    const response = await fetch(at("/dead/x"));
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: "attempts-exhausted", detail: expect.stringMatching(/the last: Cannot read the upstream http:\/\/127\.0\.0\.1:9\/: it did not answer .*check the route's upstream$/) });
  });
});

/** Goes on behind the id it is asked for, and drops wherever `dropAt` says. */
function resuming(name: string, count: number, dropAt: readonly number[]): void {
  const left = [...dropAt];
  upstream.script(name, async (asked, response) => {
    sse(response);
    for (let n = lastIdOf(asked.headers["last-event-id"]) + 1; n <= count; n++) {
      if (n === left[0]) {
        left.shift();
        return drop(response);
      }
      response.write(numbered(n));
      await sleep(5);
    }
    response.end();
  });
}

describe("P5: resume by Last-Event-ID", () => {
  test("drops are pauses: each reader sees each event once and in order", async () => {
    resuming("ids", 80, [10, 11, 50]);
    const reader = await Reader.open(at("/by-id/ids"));
    await reader.seen(20);
    const other = await Reader.readAll(at(`/streams/${reader.streamId}`));
    expect([await reader.ended, reader.numbers, other.numbers]).toEqual(["clean", upTo(80), upTo(80)]);
    expect(upstream.asked("ids").map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "e9", "e10", "e49"]);
    expect(await statusOf(stack.current.url, reader.streamId)).toMatchObject({ attempt: 4, outcome: "completed", lastSeq: 80 });
  });

  test("a POST is asked again with its body", async () => {
    resuming("posted", 20, [10]);
    const reader = await Reader.readAll(at("/by-id/posted"), { method: "POST", body: "the prompt" });
    expect(reader.numbers).toEqual(upTo(20));
    expect(upstream.asked("posted").map(({ method, body, headers }) => [method, body.toString(), headers["last-event-id"]])).toEqual([
      ["POST", "the prompt", undefined],
      ["POST", "the prompt", "e9"],
    ]);
  });

  test.each(["abort", "restart"] as const)("P5: the object's %s in the middle is a pause", async (how) => {
    resuming(`object-${how}`, 150, []);
    const reader = await Reader.open(at(`/by-id/object-${how}`));
    await reader.seen(20);
    const { worker } = stack.current;
    if (how === "abort") await worker.abort(reader.streamId);
    else await worker.restart();
    // Workerd's own end is the client's too: it comes back by itself.
    const rest = (await reader.ended) === "clean" ? null : await Reader.readAll(at("/by-id/x"), { cursor: reader.cursor ?? "" });
    expect([...reader.numbers, ...(rest?.numbers ?? [])]).toEqual(upTo(150));
    expect(await ended(reader.streamId)).toMatchObject({ outcome: "completed", lastSeq: 150 });
    expect(rest === null || how === "restart").toBe(true);
  });

  test("P7: without a reader, and without a request, a lost fetch is noticed", async () => {
    resuming("alone", 200, []);
    const { headers } = await fetch(at("/by-id/alone"), { headers: { prefer: "respond-async" } });
    const id = headers.get("stream-id") ?? "";
    await waitForStatus(stack.current.url, id, ({ lastSeq }) => lastSeq > 5);
    await stack.current.worker.abort(id);
    // Nobody asks meanwhile: the alarm is what wakes it.
    await sleep(8_000);
    expect(upstream.asked("alone")).toHaveLength(2);
    expect(await ended(id)).toMatchObject({ attempt: 2, outcome: "completed", lastSeq: 200 });
  });

  test("204 says that there is no more", async () => {
    upstream.script("no-more", async (_asked, response, nth) => {
      if (nth === 2) return void response.writeHead(204).end();
      sse(response).write(numbered(1));
      await drop(response);
    });
    const reader = await Reader.readAll(at("/by-id/no-more"));
    expect([reader.numbers, await reader.ended]).toEqual([[1], "clean"]);
  });

  test.each<[string, string, RegExp]>([
    ["starts over", numbered(1) + numbered(2), /replay-diverged.*asked for what follows the id e3, it sent the event e1 again/],
    ["repeats the last", numbered(3), /replay-diverged.*it sent the event e3 again/],
  ])("P3: an upstream that %s is found out before a reader sees anything twice", async (what, again, message) => {
    const name = what.replaceAll(" ", "-");
    upstream.script(name, async (_asked, response, nth) => {
      if (nth > 1) return void sse(response).end(again);
      sse(response).write(numbered(1) + numbered(2) + numbered(3));
      await drop(response);
    });
    const reader = await Reader.readAll(at(`/by-id/${name}`));
    expect([reader.numbers, await reader.ended]).toEqual([upTo(3), "aborted"]);
    expect(JSON.stringify(reader.control("longstream.end"))).toMatch(message);
  });

  test("P3: another answer than a continuation, and an event without an id, fail truthfully; 503 is waited out", async () => {
    upstream.script("gone", async (_asked, response, nth) => {
      if (nth === 2) return void response.writeHead(503).end();
      if (nth === 3) return void response.writeHead(410).end("gone");
      sse(response).write(numbered(1));
      await drop(response);
    });
    const gone = await Reader.readAll(at("/by-id/gone"));
    expect(JSON.stringify(gone.control("longstream.end"))).toMatch(/replay-diverged.*it answered 410 and no content type/);
    expect(upstream.asked("gone")).toHaveLength(3);
    upstream.script("nameless", async (_asked, response) => {
      sse(response).write(`${numbered(1)}data: {"n":2}\n\n`);
      await drop(response);
    });
    const nameless = await Reader.readAll(at("/by-id/nameless"));
    expect(nameless.numbers).toEqual([1, 2]);
    expect(JSON.stringify(nameless.control("longstream.end"))).toMatch(/upstream-dropped.*event 2 carries no id/);
  });

  test("an upstream that drops again and again without a new event is given up", async () => {
    upstream.script("stuck", async (_asked, response) => drop(sse(response)));
    const reader = await Reader.readAll(at("/by-id/stuck"));
    expect(JSON.stringify(reader.control("longstream.end"))).toMatch(/attempts-exhausted.*broke its answer off/);
    expect(upstream.asked("stuck")).toHaveLength(3);
  });
});

describe("P7: silence", () => {
  test("past upstreamIdleMs is a drop; comments are no silence", async () => {
    upstream.script("silent", async (asked, response) => {
      const from = lastIdOf(asked.headers["last-event-id"]);
      sse(response).write(numbered(from + 1));
      if (from === 2) return void response.end();
      if (from > 2) return;
      for (let i = 0; i < 8; i++) {
        await sleep(idleMs / 4);
        response.write(": thinking\n\n");
      }
      response.write(numbered(2));
    });
    const reader = await Reader.readAll(at("/idle/silent"));
    expect([reader.numbers, await reader.ended]).toEqual([upTo(3), "clean"]);
    expect(upstream.asked("silent").map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "e2"]);
  });

  test("before a head is one too, and each try of it is hung up on", async () => {
    upstream.script("mute", () => undefined);
    const response = await fetch(at("/idle/mute"));
    expect([response.status, await response.json()]).toMatchObject([502, { code: "attempts-exhausted", detail: expect.stringContaining(`it sent nothing for ${idleMs} ms`) }]);
    await waitFor("three connections to close", () => (upstream.abandoned("mute") === 3 ? true : undefined));
  });
});

/** As OpenAI's Responses API streams: what is made in the background can be read again from any event. */
function responses(name: string, count: number, dropAt: readonly number[]): void {
  const left = [...dropAt];
  upstream.script(name, async (asked, response) => {
    const after = new URL(asked.rest, "http://x/").searchParams.get("starting_after");
    sse(response);
    for (let n = after === null ? 0 : Number(after) + 1; n < count; n++) {
      if (n === left[0]) {
        left.shift();
        return drop(response);
      }
      const type = n === 0 ? "response.created" : n === count - 1 ? "response.completed" : "response.output_text.delta";
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: n, ...(n === 0 ? { response: { id: "resp_a1" } } : { delta: `d${n}` }) })}\n\n`);
      await sleep(5);
    }
    response.end();
  });
}

describe("P5: resume by starting_after", () => {
  test("a response made by POST is read on by GET, under its name, behind the last sequence_number", async () => {
    responses("responses", 30, [1, 20]);
    const reader = await Reader.readAll(at("/by-number/responses"), { method: "POST", body: '{"background":true,"stream":true}', headers: { authorization: "Bearer mine", "content-type": "application/json" } });
    const numbers = reader.messages.map(({ data }) => Number(/"sequence_number":(\d+)/.exec(data)?.[1]));
    expect([await reader.ended, numbers]).toEqual(["clean", upTo(30).map((n) => n - 1)]);
    expect(upstream.asked("responses").map(({ method, rest, headers }) => [method, rest, headers.authorization, headers["content-type"]])).toEqual([
      ["POST", "", "Bearer mine", "application/json"],
      ["GET", "/resp_a1?stream=true&starting_after=0", "Bearer mine", undefined],
      ["GET", "/resp_a1?stream=true&starting_after=19", "Bearer mine", undefined],
    ]);
  });

  test("P5: over a restart of the object too: the place is in the log", async () => {
    responses("kept", 60, []);
    const reader = await Reader.open(at("/by-number/kept"), { method: "POST", body: "{}" });
    await reader.seen(20);
    await stack.current.worker.abort(reader.streamId);
    expect([await reader.ended, reader.messages.length]).toEqual(["clean", 60]);
  });

  test("P3: a response that was not made in the background cannot be read on, and the stream says so", async () => {
    upstream.script("foreground", async (asked, response) => {
      if (asked.method === "GET") return void response.writeHead(404, { "content-type": "application/json" }).end('{"error":{}}');
      sse(response).write('data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_b2"}}\n\n');
      await drop(response);
    });
    const reader = await Reader.readAll(at("/by-number/foreground"), { method: "POST", body: "{}" });
    expect(JSON.stringify(reader.control("longstream.end"))).toMatch(/replay-diverged.*it answered 404 and application\/json/);
  });
});

describe("P5: resume by Range", () => {
  const size = 3_000_000;
  /** `gate`: what is behind 2,500,000 bytes waits for it. */
  const ranged = (name: string, dropAt: readonly number[], gate: Promise<void> = Promise.resolve()): void => {
    const left = [...dropAt];
    upstream.script(name, async (asked, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(String(asked.headers.range)) ?? [];
      const from = Number(first ?? 0);
      const end = last === undefined || last === "" ? size : Number(last) + 1;
      const part = first === undefined ? {} : { "content-range": `bytes ${from}-${end - 1}/${size}` };
      response.writeHead(first === undefined ? 200 : 206, { "content-type": "video/mp4", etag: '"v1"', ...part });
      for (let place = from; place < end; place += 50_000) {
        if (left[0] !== undefined && place >= left[0]) {
          left.shift();
          return drop(response);
        }
        if (place === 2_500_000) await gate;
        response.write(noise(place, Math.min(place + 50_000, end)));
        await sleep(2);
      }
      response.end();
    });
  };

  test("P2: a body that is dropped twice, and whose object is aborted, has the right SHA-256", async () => {
    const gate = Promise.withResolvers<void>();
    ranged("video", [500_000, 1_500_000], gate.promise);
    const response = await fetch(at("/by-range/video"));
    const parts: Uint8Array[] = [];
    let aborted = false;
    for await (const part of response.body ?? []) {
      parts.push(part);
      if (!aborted && Buffer.concat(parts).length > 2_000_000) {
        aborted = true;
        await stack.current.worker.abort(idOf(response));
        gate.resolve();
      }
    }
    expect(sha256(Buffer.concat(parts))).toBe(sha256(noise(0, size)));
    const asked = upstream.asked("video").map(({ headers }) => [headers.range, headers["if-range"]]);
    expect(asked[0]).toEqual([undefined, undefined]);
    expect(asked.slice(1).map(([range]) => range)).toEqual([expect.stringMatching(/^bytes=\d+-$/), expect.stringMatching(/^bytes=\d+-$/), expect.stringMatching(/^bytes=\d+-$/)]);
    expect(asked.slice(1).map(([, condition]) => condition)).toEqual(['"v1"', '"v1"', '"v1"']);
  });

  test("a part that the client asked for is gone on with at its own place", async () => {
    ranged("part", [300_000]);
    const response = await fetch(at("/by-range/part"), { headers: { range: "bytes=100000-999999" } });
    expect([response.status, response.headers.get("content-range")]).toEqual([206, `bytes 100000-999999/${size}`]);
    expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(noise(100_000, 1_000_000)));
    expect(upstream.asked("part").at(-1)?.headers.range).toMatch(/^bytes=[23]\d{5}-999999$/);
  });

  test("P3: a 200 to a range is no continuation; 416 at the end is the end", async () => {
    upstream.script("whole-again", async (_asked, response, nth) => {
      response.writeHead(200, { "content-type": "video/mp4" }).write(noise(0, 1_000));
      if (nth === 1) await drop(response);
      else response.end();
    });
    const broken = await fetch(at("/by-range/whole-again"));
    await expect(broken.arrayBuffer()).rejects.toThrow("terminated");
    expect((await ended(idOf(broken))).error).toMatchObject({ code: "replay-diverged", message: expect.stringContaining("it answered the range from 1000 with 200") });
    upstream.script("all-there", async (_asked, response, nth) => {
      if (nth === 2) return void response.writeHead(416, { "content-range": "bytes */1000" }).end();
      response.writeHead(200, { "content-type": "video/mp4" }).write(noise(0, 1_000));
      await drop(response);
    });
    const whole = await fetch(at("/by-range/all-there"));
    expect(Buffer.from(await whole.arrayBuffer()).equals(noise(0, 1_000))).toBe(true);
  });
});

describe("P8: cancel", () => {
  const endless = (name: string): void =>
    upstream.script(name, async (_asked, response) => {
      sse(response);
      for (let n = 1; !response.destroyed; n++) {
        response.write(numbered(n));
        await sleep(10);
      }
    });

  test("closes the connection to the upstream, and nothing more of it is logged", async () => {
    endless("endless");
    const reader = await Reader.open(at("/by-id/endless"));
    await reader.seen(5);
    await fetch(at(`/streams/${reader.streamId}/cancel`), { method: "POST" });
    const { lastSeq, outcome } = await statusOf(stack.current.url, reader.streamId);
    expect(outcome).toBe("cancelled");
    await waitFor("the connection to close", () => (upstream.abandoned("endless") === 1 ? true : undefined));
    expect([await reader.ended, reader.numbers]).toEqual(["clean", upTo(lastSeq)]);
    await sleep(300);
    expect((await statusOf(stack.current.url, reader.streamId)).lastSeq).toBe(lastSeq);
    expect(upstream.asked("endless")).toHaveLength(1);
  });

  test("before the head, and by removing the stream, closes it too", async () => {
    upstream.script("headless", () => undefined);
    const { headers } = await fetch(at("/plain/headless"), { headers: { prefer: "respond-async" } });
    await waitFor("the request", () => upstream.asked("headless")[0]);
    const url = at(`/streams/${headers.get("stream-id")}`);
    await fetch(`${url.href}/cancel`, { method: "POST" });
    await waitFor("the connection to close", () => (upstream.abandoned("headless") === 1 ? true : undefined));
    for (const method of ["GET", "HEAD"]) {
      const answer = await fetch(url, { method });
      await answer.text();
      expect([answer.status, answer.headers.get("stream-outcome"), answer.headers.get("content-type")]).toEqual([410, "cancelled", "application/problem+json"]);
    }
    endless("removed");
    const reader = await Reader.open(at("/events/removed"));
    await reader.seen(2);
    await fetch(at(`/streams/${reader.streamId}`), { method: "DELETE" });
    await waitFor("the connection to close", () => (upstream.abandoned("removed") === 1 ? true : undefined));
    expect((await fetch(at(`/streams/${reader.streamId}/status`))).status).toBe(404);
  });

  test("a route's onAbandon closes it once nobody reads; a reader who leaves changes nothing else", async () => {
    endless("left");
    const reader = await Reader.open(at("/left/left"));
    await reader.seen(3);
    reader.leave();
    await waitFor("the connection to close", () => (upstream.abandoned("left") === 1 ? true : undefined));
    expect((await ended(reader.streamId)).outcome).toBe("cancelled");
  });
});

describe("a Function URL of a function that nobody changed", () => {
  test("is signed, gets method, path, query and body, and its stream has resumable readers", async () => {
    const reader = await Reader.open(at("/function/v1/chat?n=40&intervalMs=20"), { method: "POST", body: "hello", headers: { authorization: "Bearer the-client's", "x-amz-date": "19700101T000000Z" } });
    await reader.seen(10);
    reader.leave();
    const again = await Reader.readAll(at(`/streams/${reader.streamId}`), { cursor: reader.cursor ?? "" });
    expect(reader.messages[0]).toMatchObject({ event: "request", data: '{"method":"POST","path":"/v1/chat","body":"hello"}' });
    expect([...reader.numbers.slice(1), ...again.numbers]).toEqual(upTo(40));
    expect(await again.ended).toBe("clean");
  });

  test("P3: its crash is a broken body, not a complete one", async () => {
    const reader = await Reader.readAll(at("/function/x?n=40&exitAt=5"));
    expect([reader.numbers.slice(1), await reader.ended]).toEqual([upTo(4), "aborted"]);
    expect((await ended(reader.streamId)).error?.code).toBe("upstream-dropped");
  });

  test("unsigned, it answers as AWS does, and the answer is passed on", async () => {
    const response = await fetch(at("/unsigned/x"));
    expect([response.status, await response.text()]).toMatchObject([403, expect.stringContaining("Forbidden")]);
  });
});
