/** Owns the tests of what a handler may return. */

import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import { toAnswer } from "./answer.ts";
import type { ChunkSource } from "./chunks.ts";

/** An answer whose head has come. */
interface Settled {
  readonly head: ResponseHead;
  readonly source: ChunkSource;
}

async function settle(result: unknown): Promise<Settled> {
  const answer = toAnswer(result);
  return { head: await answer.head(), source: answer.source };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const events: ResponseHead = { status: 200, headers: [["content-type", "text/event-stream"]], mode: "events" };
const bytes: ResponseHead = { status: 200, headers: [["content-type", "application/octet-stream"]], mode: "bytes" };
const aAndB = ["data: a\n", "data: b\n"];

describe("a handler may return as events", () => {
  test.each<[string, () => unknown]>([
    ["a list", () => ["a", "b"]],
    ["a set", () => new Set(["a", "b"])],
    ["a generator", generator],
    ["an async generator", asyncGenerator],
    ["an iterator", () => new Map([["a", 1], ["b", 2]]).keys()],
    ["a web stream of text", () => ReadableStream.from(["a", "b"])],
    ["a web stream of objects", () => ReadableStream.from([{ data: "a" }, { data: "b" }])],
    ["a Node stream of text", () => Readable.from(["a", "b"])],
    ["a Node stream of objects", () => Readable.from([{ data: "a" }, "b"])],
  ])("%s", async (_, make) => {
    const answer = await settle(make());
    expect(answer.head).toEqual(events);
    expect(await drain(answer)).toEqual(aAndB);
  });

  test("nothing at all in a list, which is a stream without events", async () => {
    const answer = await settle([]);
    expect([answer.head, await drain(answer)]).toEqual([events, []]);
  });

  test("a sequence that is both, and it is read as the async one", async () => {
    const both = { [Symbol.iterator]: () => ["sync"].values(), [Symbol.asyncIterator]: () => Readable.from(["async"])[Symbol.asyncIterator]() };
    expect(await drain(await settle(both))).toEqual(["data: async\n"]);
  });
});

describe("a handler may return as bytes", () => {
  test.each<[string, () => unknown]>([
    ["a web stream", () => ReadableStream.from([encoder.encode("a"), encoder.encode("b")])],
    ["a web stream whose first chunk is empty", () => ReadableStream.from([new Uint8Array(0), encoder.encode("a"), encoder.encode("b")])],
    ["a web stream of array buffers", () => ReadableStream.from([encoder.encode("a").buffer, encoder.encode("b").buffer])],
    ["a Node stream", () => Readable.from([Buffer.from("a"), Buffer.from("b")])],
  ])("%s", async (_, make) => {
    const answer = await settle(make());
    expect([answer.head, await drain(answer)]).toEqual([bytes, ["a", "b"]]);
  });

  test("a stream without a chunk", async () => {
    const answer = await settle(ReadableStream.from([]));
    expect([answer.head, await drain(answer)]).toEqual([bytes, []]);
  });
});

describe("a response is answered as it is:", () => {
  test("its status, its headers in any number, and its body", async () => {
    const headers = new Headers([["content-type", "image/png"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["X-A", "1"]]);
    const answer = await settle(new Response("body", { status: 404, headers }));
    expect(answer.head).toEqual({
      status: 404,
      headers: [["content-type", "image/png"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-a", "1"]],
      mode: "bytes",
    });
    expect(await drain(answer)).toEqual(["body"]);
  });

  test.each([
    [204, null],
    [304, null],
    [200, null],
    [500, ""],
  ])("with %d and the body %j", async (status, body) => {
    const answer = await settle(new Response(body, { status }));
    expect([answer.head.status, answer.head.mode, await drain(answer)]).toEqual([status, "bytes", []]);
  });

  test.each(["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;charset=UTF-8", "text/event-stream ;x=1"])(
    "of type %s as events, without the ids of its own",
    async (type) => {
      const answer = await settle(new Response("id: 7\ndata: a\n\ndata: b\n\n", { status: 201, headers: { "content-type": type } }));
      expect(answer.head).toEqual({ status: 201, headers: [["content-type", type]], mode: "events" });
      expect(await drain(answer)).toEqual(aAndB);
    },
  );

  test.each(["text/event-stream-like", "application/text/event-stream", "text/plain;x=text/event-stream"])("of type %s as bytes", async (type) => {
    const answer = await settle(new Response("data: a\n\n", { headers: { "content-type": type } }));
    expect([answer.head.mode, await drain(answer)]).toEqual(["bytes", ["data: a\n\n"]]);
  });

  test("also one of another library, by its shape", async () => {
    const other = { status: 200, headers: new Headers({ "x-a": "1" }), body: ReadableStream.from([encoder.encode("a")]), bodyUsed: false };
    const answer = await settle(other);
    expect([answer.head, await drain(answer)]).toEqual([{ status: 200, headers: [["x-a", "1"]], mode: "bytes" }, ["a"]]);
  });
});

describe("a handler may not return", () => {
  test.each<[string, unknown, string]>([
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a string, which is iterable letter by letter", "hello", "string"],
    ["a number", 7, "number"],
    ["a function", () => [], "function"],
    ["an object", { data: "a" }, "[object Object]"],
    ["a promise", Promise.resolve([]), "[object Promise]"],
    ["a request", new Request("https://g.example"), "[object Request]"],
  ])("%s", async (_, result, name) => {
    await expect(settle(result)).rejects.toThrow(
      new LongstreamError(
        "bad-handler-result",
        `Cannot stream what the handler returned (${name}): return a Response, an async generator or another iterable of events, a ReadableStream or a Readable`,
      ),
    );
  });

  const used = new Response("a");
  const locked = new Response("a");
  locked.body?.getReader();
  const lockedStream = ReadableStream.from(["a"]);
  lockedStream.getReader();
  test.each<[string, () => unknown, string]>([
    ["a response whose body was read", () => used, "its body is locked, or was read already"],
    ["a response whose body somebody reads", () => locked, "its body is locked, or was read already"],
    ["a stream that somebody reads", () => lockedStream, "the stream is locked: something else reads it"],
    ["the response of a failed fetch", () => Response.error(), "its status is 0"],
    ["a status over 599", () => ({ status: 600, headers: new Headers(), body: null, bodyUsed: false }), "its status is 600"],
    ["an informational status", () => ({ status: 101, headers: new Headers(), body: null, bodyUsed: false }), "its status is 101"],
  ])("%s", async (_, make, why) => {
    if (!used.bodyUsed) await used.text();
    await expect(settle(make())).rejects.toThrow(new LongstreamError("bad-handler-result", `Cannot stream the handler's answer: ${why}`));
  });

  test("P3: a Node stream that was read to its end, which is not an empty answer", async () => {
    const read = Readable.from([Buffer.from("gone")]);
    await read.toArray();
    await expect(settle(read)).rejects.toThrow("the stream was read already, or destroyed");
  });

  test("P3: a Node stream that was destroyed, which is not an empty answer", async () => {
    const destroyed = new Readable({ read: () => undefined });
    destroyed.destroy();
    await expect(settle(destroyed)).rejects.toThrow("the stream was read already, or destroyed");
  });
});

describe("a source that is returned", () => {
  test("runs the finally blocks of its generator", async () => {
    const log: string[] = [];
    async function* handler(): AsyncGenerator<string> {
      try {
        yield "a";
        yield "b";
      } finally {
        log.push("finally");
      }
    }
    const { source } = await settle(handler());
    await source.next();
    await source.return();
    expect(log).toEqual(["finally"]);
    expect(await source.next()).toEqual({ done: true, value: undefined });
  });

  test("needs no return method", async () => {
    const { source } = await settle(["a"]);
    await expect(source.return()).resolves.toBeUndefined();
  });

  test("tells what its finally blocks throw", async () => {
    const { source } = await settle(failsAtTheEnd());
    await source.next();
    await expect(source.return()).rejects.toThrow(new TypeError("upstream was gone"));
  });

  test("makes an error of a sync iterator a rejection, never a throw", async () => {
    const { source } = await settle({ [Symbol.iterator]: () => ({ next: () => { throw new TypeError("broke"); } }) });
    await expect(source.next()).rejects.toThrow(new TypeError("broke"));
  });

  test.each<[string, string, (stream: globalThis.ReadableStream<Uint8Array>) => unknown]>([
    ["stream", "text/plain", (stream) => stream],
    ["response of bytes", "text/plain", (stream) => new Response(stream, { headers: { "content-type": "text/plain" } })],
    ["response of events", "text/event-stream", (stream) => new Response(stream, { headers: { "content-type": "text/event-stream" } })],
  ])("P8: cancels its %s", async (_, type, wrap) => {
    const log: string[] = [];
    const stream = new globalThis.ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(encoder.encode(`data: ${type}\n\n`)),
      cancel: () => void log.push("cancelled"),
    });
    const { source } = await settle(wrap(stream));
    await source.next();
    await source.return();
    expect(log).toEqual(["cancelled"]);
  });

  test("P8: cancels a stream whose next chunk is awaited", async () => {
    const log: string[] = [];
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode("a")),
      pull: async () => Promise.withResolvers<never>().promise,
      cancel: () => void log.push("cancelled"),
    });
    const { source } = await settle(stream);
    await source.next();
    const waiting = source.next();
    await source.return();
    expect([await waiting, log]).toEqual([{ done: true, value: undefined }, ["cancelled"]]);
  });

  test.each([1, 2, 3])("P8: destroys its Node stream after %d of three chunks, whatever of it is on the way", async (count) => {
    const readable = Readable.from(["a", "b", "c"].map((text) => Buffer.from(text)));
    const { source } = await settle(readable);
    for (let i = 0; i < count; i++) await source.next();
    await source.return();
    expect(readable.destroyed).toBe(true);
    // Data that comes after all must not throw outside of everybody's reach.
    await nextTurn();
    await nextTurn();
  });

  test("P8: destroys a Node stream whose next chunk is awaited", async () => {
    const readable = new Readable({ read: () => undefined });
    readable.push(Buffer.from("a"));
    const { source } = await settle(readable);
    await source.next();
    const waiting = source.next().catch((error: unknown) => error);
    await source.return();
    expect(readable.destroyed).toBe(true);
    expect(await waiting).toBeInstanceOf(Error);
  });
});

test.each<[string, (body: ReadableStream) => unknown]>([
  ["status cannot be sent", (body) => ({ status: 101, headers: new Headers(), body, bodyUsed: false })],
  ["status has no body", (body) => ({ status: 204, headers: new Headers(), body, bodyUsed: false })],
])("a response whose %s is refused, and its body ended", async (_, make) => {
  const log: string[] = [];
  const body = new ReadableStream({ cancel: () => void log.push("cancelled") });
  expect(() => toAnswer(make(body))).toThrow(LongstreamError);
  await nextTurn();
  expect(log).toEqual(["cancelled"]);
});

test("a Node stream that was read already is refused, and destroyed", async () => {
  const readable = Readable.from(["a", "b"]);
  readable.read();
  expect(() => toAnswer(readable)).toThrow(LongstreamError);
  expect(readable.destroyed).toBe(true);
});

test("P3: a stream that breaks rejects with its own error, behind what it gave before", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new TypeError("upstream was gone")),
    start: (controller) => controller.enqueue(encoder.encode("a")),
  }, { highWaterMark: 0 });
  const { source } = await settle(broken);
  expect(await source.next()).toMatchObject({ done: false, value: { payload: encoder.encode("a") } });
  await expect(source.next()).rejects.toThrow(new TypeError("upstream was gone"));
});

test("P6: a Node stream is not read far ahead of what is asked for", async () => {
  let made = 0;
  const readable = new Readable({
    read() {
      made++;
      this.push(Buffer.alloc(64 * 1024));
    },
  });
  const { source } = await settle(readable);
  for (let asked = 1; asked <= 10; asked++) {
    await source.next();
    expect(made).toBeLessThan(asked + 8);
  }
  await source.return();
});

function* generator(): Generator<string> {
  yield "a";
  yield "b";
}

async function* asyncGenerator(): AsyncGenerator<string> {
  yield "a";
  yield "b";
}

function* failsAtTheEnd(): Generator<string> {
  try {
    yield "a";
  } finally {
    // oxlint-disable-next-line no-unsafe-finally -- what a handler may well do
    throw new TypeError("upstream was gone");
  }
}

async function drain({ source }: Settled): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let step = await source.next(); step.done !== true; step = await source.next()) texts.push(decoder.decode(step.value.payload));
  return texts;
}
