/** Owns the tests of the Writable that stands in for AWS's response stream. */

import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AnswerStream } from "./response-stream.ts";

const preludeType = "application/vnd.awslambda.http-integration-response";
const prelude = '{"statusCode":404,"headers":{"X-A":"1","content-type":"text/plain"},"cookies":["a=1","b=2"]}';

/** As `HttpResponseStream.from` of aws-lambda-ric 4.0.2 does it. */
function withPrelude(stream: AnswerStream, text = prelude): AnswerStream {
  stream.setContentType(preludeType);
  return Object.assign(stream, {
    _onBeforeFirstWrite: (write: (chunk: string | Uint8Array) => void) => {
      write(text);
      write(new Uint8Array(8));
    },
  });
}

async function answerOf(write: (stream: AnswerStream) => void): Promise<{ status: number; headers: [string, string][]; body: string }> {
  const stream = new AnswerStream(undefined);
  write(stream);
  const response = await stream.response();
  return { status: response.status, headers: [...response.headers], body: await response.text() };
}

const plain = [["content-type", "application/octet-stream"]];
const asTold = [["content-type", "text/plain"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x-a", "1"]];

describe("what is written", () => {
  test.each<[string, (stream: AnswerStream) => void, string]>([
    ["text", (stream) => stream.end("héllo"), "héllo"],
    ["text in another encoding", (stream) => (stream.write("aGk=", "base64"), stream.end()), "hi"],
    ["bytes", (stream) => stream.end(new Uint8Array([104, 105])), "hi"],
    ["an object, as JSON", (stream) => (stream.write({ a: [1] }), stream.write(2), stream.end()), '{"a":[1]}2'],
    ["nothing", (stream) => stream.end(), ""],
  ])("%s is the body, of 200", async (_, write, body) => {
    expect(await answerOf(write)).toEqual({ status: 200, headers: plain, body });
  });

  test("calls back whoever wants to know", async () => {
    const called: string[] = [];
    await answerOf((stream) => {
      stream.write("a", () => called.push("a"));
      stream.write("b", "utf8", () => called.push("b"));
      stream.end(() => called.push("end"));
    });
    await nextTurn();
    expect(called).toEqual(["a", "b", "end"]);
  });

  test("has the content type that was set before, and not after", async () => {
    const types: string[] = [];
    const { headers } = await answerOf((stream) => {
      stream.setContentType("text/html");
      stream.write("a");
      expect(() => stream.setContentType("text/css")).toThrow("Cannot set the content type: the handler has written already");
      stream.end();
      types.push("tried");
    });
    expect([headers, types]).toEqual([[["content-type", "text/html"]], ["tried"]]);
  });

  test("waits for its reader, and goes on with it", async () => {
    const stream = new AnswerStream(4);
    expect([stream.writableHighWaterMark, stream.write("12"), stream.write("34")]).toEqual([4, true, false]);
    const drained = once(stream, "drain");
    const response = await stream.response();
    expect(await Promise.race([drained, sleep(20, "held")])).toBe("held");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.read();
    await drained;
    expect(stream.writableLength).toBe(0);
  });

  test("may be overwritten once its callback came", async () => {
    const stream = new AnswerStream(undefined);
    const buffer = Buffer.from("one");
    stream.write(buffer, () => buffer.fill("x"));
    stream.end();
    expect(await (await stream.response()).text()).toBe("one");
  });

  test("may come of a pipeline", async () => {
    const stream = new AnswerStream(undefined);
    const done = pipeline(Readable.from(["a", "b", "c"]), stream);
    expect(await (await stream.response()).text()).toBe("abc");
    await done;
  });
});

describe("a prelude", () => {
  const wire = Buffer.from(`${prelude}\0\0\0\0\0\0\0\0body`);

  test("is read however its bytes are split", async () => {
    for (let at = 0; at <= wire.length; at++) {
      const answer = await answerOf((stream) => {
        stream.setContentType(preludeType);
        stream.write(wire.subarray(0, at));
        stream.end(wire.subarray(at));
      });
      expect(answer, `split at ${at}`).toEqual({ status: 404, headers: asTold, body: "body" });
    }
  });

  test.each<[string, (stream: AnswerStream) => void, string]>([
    ["written to", (stream) => (stream.write("bo"), stream.end("dy")), "body"],
    ["flushed by an empty write", (stream) => (stream.write(""), stream.end()), ""],
    // AWS's own stream forgets the prelude of these two (aws-lambda-nodejs-runtime-interface-client, issue 97).
    ["ended with a body", (stream) => stream.end("body"), "body"],
    ["ended without one", (stream) => stream.end(), ""],
  ])("of HttpResponseStream.from is kept, %s", async (_, write, body) => {
    expect(await answerOf((stream) => write(withPrelude(stream)))).toEqual({ status: 404, headers: asTold, body });
  });

  test("of a status without a body lets none through", async () => {
    expect(await answerOf((stream) => withPrelude(stream, '{"statusCode":204}').end("body"))).toEqual({ status: 204, headers: plain, body: "" });
  });

  test.each([
    ["no prelude at all", "hello"],
    ["one that is no JSON", `hello${"\0".repeat(8)}`],
    ["one without an end", prelude],
    ["one of a status there is not", `{"statusCode":42}${"\0".repeat(8)}`],
    ["one that goes on and on", "x".repeat(200_000)],
  ])("is refused: %s", async (_, text) => {
    const stream = new AnswerStream(undefined);
    stream.setContentType(preludeType);
    stream.end(text);
    await expect(stream.response()).rejects.toMatchObject({ code: "bad-handler-result", message: expect.stringMatching(/^Cannot read the head of the handler's answer: .* 8 NUL bytes$/) });
  });

  test("with a header that cannot be sent is refused", async () => {
    const stream = withPrelude(new AnswerStream(undefined), '{"headers":{"x y":"1"}}');
    stream.end();
    await expect(stream.response()).rejects.toThrow('Cannot answer with the header "x y"');
  });
});

describe("a stream that is destroyed", () => {
  test("before its head fails the answer with the reason, and no process", async () => {
    const stream = new AnswerStream(undefined);
    stream.destroy(new Error("no such luck"));
    await expect(stream.response()).rejects.toThrow("no such luck");
    expect(stream.write("late")).toBe(false);
  });

  test("without a reason has one", async () => {
    const stream = new AnswerStream(undefined);
    stream.write("a");
    const response = await stream.response();
    stream.destroy();
    await expect(response.text()).rejects.toMatchObject({ code: "handler-failed", message: expect.stringContaining("destroyed its response stream before it had ended it") });
  });

  test("behind its head breaks the body", async () => {
    const stream = new AnswerStream(undefined);
    stream.write("a");
    const response = await stream.response();
    stream.destroy(new Error("no such luck"));
    await expect(response.text()).rejects.toThrow("no such luck");
  });

  test("by its reader's leaving ends the pipeline into it", async () => {
    const stream = new AnswerStream(undefined);
    const done = pipeline(Readable.from(["a", "b", "c"]), stream);
    const response = await stream.response();
    const [end] = await Promise.allSettled([done, response.body?.cancel(new Error("left"))]);
    expect(end).toMatchObject({ status: "rejected", reason: { message: "left" } });
    expect(stream.destroyed).toBe(true);
  });

  test("by a write behind its end fails what was not read yet", async () => {
    const stream = new AnswerStream(undefined);
    stream.end("a");
    stream.write("b");
    const response = await stream.response();
    await expect(response.text()).rejects.toThrow("write after end");
  });

  test("once it was read to its end is complete", async () => {
    expect((await answerOf((stream) => stream.end("a"))).body).toBe("a");
  });
});
