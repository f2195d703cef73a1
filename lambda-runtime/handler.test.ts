/** Owns the tests of one whole invocation against an object of a few lines, over a real socket. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { decodeDataFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import type { Invocation } from "../protocol/invocation.ts";
import { encodeMessage, parseToObject } from "../protocol/producer-messages.ts";
import type { Mode } from "../protocol/producer-messages.ts";
import { streamHandler } from "./handler.ts";
import type { LambdaContext, StreamHandler } from "./types.ts";

const decoder = new TextDecoder();
const eventsHead = '{"type":"head","status":200,"headers":[["content-type","text/event-stream"]],"mode":"events"}';
const request = { method: "GET", url: "https://g.example/api?q=1", headers: [["x-a", "1"]], bodyBytes: 0 } as const;
const context: LambdaContext = { awsRequestId: "r1", functionName: "f", getRemainingTimeInMillis: () => 60_000 };

/** Welcomes each producer as the first attempt, keeps what it says, and lets it go once it said goodbye. */
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
const said: string[] = [];
server.on("connection", (socket, upgrade) => {
  let mode: Mode = "events";
  said.push(`${upgrade.url} ${upgrade.headers.authorization}`);
  socket.send(encodeMessage({ type: "welcome", attempt: 1, role: "active", resume: null, request, window: 262_144, leaseMs: 30_000, commitIntervalMs: 50 }));
  socket.send(encodeMessage({ type: "body-end", bytes: 0 }));
  socket.on("message", (data, isBinary) => {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0);
    if (isBinary) {
      said.push(...decodeDataFrame(bytes, mode).payloads.map((payload) => decoder.decode(payload)));
      return;
    }
    const text = bytes.toString("utf8");
    said.push(text);
    const message = parseToObject(text);
    if (message.type === "head") mode = message.mode;
    if (message.type === "end" || message.type === "yield") socket.close(1000, "done");
  });
});

beforeAll(async () => {
  if (server.address() === null) await once(server, "listening");
});
afterAll(() => {
  server.close();
});

describe("an invocation", () => {
  test("P3: succeeds once the object has taken all events and the end", async () => {
    const got: string[] = [];
    await run(async function* (asked) {
      got.push(asked.method, asked.url, asked.headers.get("x-a") ?? "");
      yield "a";
      yield { event: "delta", data: { n: 1 } };
    });
    expect(got).toEqual(["GET", "https://g.example/api?q=1", "1"]);
    expect(said).toEqual([
      "/streams/s1/producer Bearer t1",
      eventsHead,
      "data: a\n",
      'event: delta\ndata: {"n":1}\n',
      '{"type":"end","outcome":"completed","error":null,"seq":2}',
    ]);
  });

  test("P3: fails with what the handler threw, after the stream was told", async () => {
    const running = run(async function* () {
      yield "a";
      throw new TypeError("upstream was gone");
    });
    await expect(running).rejects.toThrow(new TypeError("upstream was gone"));
    expect(said.slice(1)).toEqual([
      eventsHead,
      "data: a\n",
      '{"type":"end","outcome":"failed","error":{"code":"handler-failed","message":"upstream was gone"},"seq":1}',
    ]);
  });

  test("P3: tells the stream of anything that is thrown, also what has no text", async () => {
    const unspeakable: unknown = Object.create(null);
    const thrown: unknown = await run(() => {
      // oxlint-disable-next-line typescript/only-throw-error -- what a handler may well do
      throw unspeakable;
    }).catch((error: unknown) => error);
    expect(thrown).toBe(unspeakable);
    expect(said.slice(1)).toEqual([expect.stringContaining('{"type":"end","outcome":"failed","error":{"code":"handler-failed"')]);
  });

  test("P8: ends what a handler answers after it was cancelled", async () => {
    const log: string[] = [];
    let answer = (): void => undefined;
    const cancelled = new Promise<void>((resolve) => (answer = resolve));
    await run(async (_request, { signal }) => {
      // The cancel comes while the handler has not answered; it answers once it was told.
      signal.addEventListener("abort", () => answer());
      for (const socket of server.clients) {
        socket.send(encodeMessage({ type: "cancel", reason: "asked" }));
        socket.close(1000, "cancelled");
      }
      await cancelled;
      return new ReadableStream({ cancel: () => void log.push("cancelled") });
    });
    expect(log).toEqual(["cancelled"]);
  });


  test("P2: of bytes sends the handler's head and its body as they are", async () => {
    await run(() => new Response("héllo", { status: 201, headers: { "content-type": "text/plain", "x-a": "1" } }));
    expect(said.slice(1)).toEqual([
      '{"type":"head","status":201,"headers":[["content-type","text/plain"],["x-a","1"]],"mode":"bytes"}',
      "héllo",
      '{"type":"end","outcome":"completed","error":null,"seq":6}',
    ]);
  });

  test("of a response without a body has a head and an end", async () => {
    await run(() => new Response(null, { status: 204 }));
    expect(said.slice(1)).toEqual([
      '{"type":"head","status":204,"headers":[],"mode":"bytes"}',
      '{"type":"end","outcome":"completed","error":null,"seq":0}',
    ]);
  });

  test("of a handler's own event stream has its events, and not its ids", async () => {
    const body = new ReadableStream({
      start: (controller) => {
        for (const part of ["id: 7\r\ndata: a\r\n\r", "\ndata: b\n\ndata: never ended"]) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
    await run(() => new Response(body, { headers: { "content-type": "text/event-stream" } }));
    expect(said.slice(1)).toEqual([eventsHead, "data: a\n", "data: b\n", '{"type":"end","outcome":"completed","error":null,"seq":2}']);
  });

  test.each<[string, string, string, readonly string[], number]>([
    ["fewer", "7", "6 bytes", ["héllo"], 6],
    ["more", "5", "6 bytes or more", [], 0],
  ])("P3: fails when its body has %s bytes than it declared", async (_, declared, actual, sent, seq) => {
    const message = `Cannot stream a body of ${actual}: the handler declared a content-length of ${declared}`;
    const headers = { "content-type": "text/plain", "content-length": declared };
    await expect(run(() => new Response("héllo", { headers }))).rejects.toThrow(new LongstreamError("bad-handler-result", message));
    expect(said.slice(2)).toEqual([...sent, `{"type":"end","outcome":"failed","error":{"code":"bad-handler-result","message":"${message}"},"seq":${seq}}`]);
  });

  test("P3: without an answer that can be one tells the stream so, and no head", async () => {
    const nothing = (): unknown => "hello";
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a handler without types may return
    await expect(run(nothing as StreamHandler)).rejects.toMatchObject({ code: "bad-handler-result" });
    expect(said.slice(1)).toEqual([expect.stringContaining('{"type":"end","outcome":"failed","error":{"code":"bad-handler-result"')]);
  });

  test.each<[string, unknown, string]>([
    ["an event that is refused", () => 1, "bad-event"],
    ["an event that is too large", "b".repeat(2_000_000), "event-too-large"],
  ])("P8: %s aborts the signal, since nobody wants what the handler makes", async (_, event, code) => {
    const reasons: unknown[] = [];
    const running = run(async function* (_request, { signal }) {
      signal.addEventListener("abort", () => reasons.push(signal.reason));
      yield { data: event };
    });
    await expect(running).rejects.toMatchObject({ code });
    expect(reasons).toEqual([expect.objectContaining({ code })]);
  });

  test("P8: what the handler throws aborts the signal for all it has left running, once the stream was told", async () => {
    const reasons: unknown[] = [];
    const running = run((_request, { signal }) => {
      signal.addEventListener("abort", () => reasons.push(signal.reason, said.at(-1)));
      throw new TypeError("upstream was gone");
    });
    await expect(running).rejects.toThrow(new TypeError("upstream was gone"));
    expect(reasons).toEqual([
      new LongstreamError("handler-failed", "upstream was gone", { cause: new TypeError("upstream was gone") }),
      '{"type":"end","outcome":"failed","error":{"code":"handler-failed","message":"upstream was gone"},"seq":0}',
    ]);
  });

  test.each<[string, unknown, string]>([
    ["a function", () => 1, "is function: it has no JSON form"],
    ["a symbol", Symbol("a"), "is symbol: it has no JSON form"],
    ["what says that it has none", { toJSON: () => undefined }, "is [object Object]: it has no JSON form"],
    ["what JSON cannot write", 1n, "has no JSON form: Do not know how to serialize a BigInt"],
  ])("a checkpoint of %s is refused where the handler stores it", async (_, state, why) => {
    const running = run(async function* (_request, stream) {
      yield "a";
      stream.checkpoint(state);
    });
    await expect(running).rejects.toThrow(new LongstreamError("bad-event", `Cannot store a checkpoint whose state ${why}`));
    expect(said.slice(2)).toEqual(["data: a\n", expect.stringContaining('"error":{"code":"bad-event"')]);
  });

  test("runs the handler's finally blocks when an event of it is refused", async () => {
    const log: string[] = [];
    const handler = async function* (): AsyncGenerator<string> {
      try {
        yield "a";
        yield "b".repeat(2_000_000);
        log.push("went on");
      } finally {
        log.push("finally");
      }
    };
    await expect(run(handler)).rejects.toThrow(LongstreamError);
    expect(said.at(-1)).toContain('"error":{"code":"event-too-large"');
    expect(log).toEqual(["finally"]);
  });
});

async function run(handler: StreamHandler): Promise<void> {
  said.length = 0;
  const invocation: Invocation = { longstream: 1, stream: "s1", attempt: 1, url: `http://127.0.0.1:${portOf(server.address())}/streams/s1`, ticket: "t1" };
  await streamHandler(handler)(invocation, context);
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
