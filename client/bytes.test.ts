/** Owns the proof of bytes mode: resumed by range, to the true end, and nothing twice. */

import { expect, test } from "vitest";
import { openStream } from "./index.ts";
import type { LongstreamStream } from "./index.ts";
import { bytes, events, origin, problem, quick, run, script, status, streamUrl } from "./testing.ts";

const url = `${origin}/api/film`;

async function readText(stream: LongstreamStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.bytes()) text += decoder.decode(chunk, { stream: true });
  return text;
}

test("the bytes come as they are, and the status says that they were all", async () => {
  const { fetch, sent } = script(bytes("abc", "clean"), status("completed", 3));
  const stream = openStream(url, { fetch, headers: { accept: "video/*" } });
  expect(await readText(stream)).toBe("abc");
  expect([stream.state, stream.outcome, stream.cursor]).toEqual(["ended", "completed", "3"]);
  expect(sent.map((request) => [request.url, request.headers.get("range"), request.headers.get("accept")])).toEqual([
    [url, null, "video/*"],
    [`${streamUrl}/status`, null, "video/*"],
  ]);
});

test("P2 a body that breaks off is resumed by range at Stream-Url, a POST without being posted again", async () => {
  const { fetch, sent } = script(
    bytes("abc", "cut"),
    bytes("", "cut", "bytes 3-9007199254740991/*"),
    bytes("de", "cut", "bytes 3-9007199254740991/*"),
    bytes("f", "clean", "bytes 5-5/6"),
    status("completed", 6),
  );
  expect(await readText(openStream(url, { fetch, retry: quick, method: "POST", body: "question" }))).toBe("abcdef");
  expect(sent.map((request) => [request.method, request.url, request.headers.get("range"), request.headers.get("last-event-id")])).toEqual([
    ["POST", url, null, null],
    ["GET", streamUrl, "bytes=3-", null],
    ["GET", streamUrl, "bytes=3-", null],
    ["GET", streamUrl, "bytes=5-", null],
    ["GET", `${streamUrl}/status`, null, null],
  ]);
});

test("P3 a clean end before the stream's own is no end", async () => {
  const { fetch } = script(bytes("abc", "clean"), status(null, 3), bytes("de", "clean", "bytes 3-4/*"), status("completed", 5));
  expect(await readText(openStream(url, { fetch, retry: quick }))).toBe("abcde");
});

test("416 with an outcome is all there is, and the outcome is told", async () => {
  const error = { code: "handler-failed", message: "the handler broke" };
  const { fetch } = script(
    bytes("abc", "cut"),
    problem(416, { code: "range-not-satisfiable", detail: "it has 3 bytes" }, { "content-range": "bytes */3", "stream-outcome": "failed" }),
    status("failed", 3, error),
  );
  const stream = openStream(url, { fetch, retry: quick });
  await expect(readText(stream)).rejects.toMatchObject(error);
  expect([stream.outcome, stream.cursor]).toEqual(["failed", "3"]);
});

test("P3 a body that broke off before its first byte is asked for by range, which alone tells that nothing will come", async () => {
  const error = { code: "handler-failed", message: "the handler broke" };
  const { fetch, sent } = script(
    bytes("", "cut"),
    problem(416, { code: "range-not-satisfiable", detail: "it has 0 bytes" }, { "content-range": "bytes */0", "stream-outcome": "failed" }),
    status("failed", 0, error),
  );
  await expect(readText(openStream(url, { fetch, retry: quick }))).rejects.toMatchObject(error);
  expect(sent.map(({ headers }) => headers.get("range"))).toEqual([null, "bytes=0-", null]);
});

test("416 without an outcome is an error: the log has less than was read", async () => {
  const { fetch } = script(bytes("abc", "cut"), problem(416, { code: "range-not-satisfiable", detail: "it has 2 bytes" }));
  await expect(readText(openStream(url, { fetch, retry: quick }))).rejects.toMatchObject({ code: "range-not-satisfiable", message: "it has 2 bytes" });
});

test.each([
  ["another place", "bytes 2-5/6", "206 with video/mp4, bytes 2-5/6"],
  ["no place", "bytes", "206 with video/mp4, bytes"],
  ["the start", undefined, "200 with video/mp4"],
])("P2 a range that is answered from %s is an error, not a repetition", async (_what, range, came) => {
  const { fetch } = script(bytes("abc", "cut"), bytes("def", "clean", range));
  await expect(readText(openStream(url, { fetch, retry: quick }))).rejects.toMatchObject({
    code: "protocol-error",
    message: `Cannot read ${streamUrl} as bytes from 3: it answers ${came}; iterate events, read anything else by bytes()`,
  });
});

test("`from` skips as many bytes", async () => {
  const { fetch, sent } = script(bytes("def", "clean", "bytes 3-5/6"), status("completed", 6));
  expect(await readText(openStream(streamUrl, { fetch, from: "3" }))).toBe("def");
  expect(sent[0]?.headers.get("range")).toBe("bytes=3-");
});

test("an event stream is no bytes: half of it cannot be resumed", async () => {
  const { fetch } = script(events([run(1, 1)], "clean"));
  await expect(readText(openStream(url, { fetch }))).rejects.toMatchObject({ code: "protocol-error" });
});

test("an answer without a body is one of no bytes", async () => {
  const { fetch } = script(() => new Response(null, { status: 204, headers: { "stream-url": streamUrl } }), status("completed", 0));
  expect(await readText(openStream(url, { fetch }))).toBe("");
});

test("bytes() is part of the statement that opens the stream", async () => {
  const stream = openStream(url, { fetch: script(bytes("abc", "clean")).fetch });
  await Promise.resolve();
  expect(() => stream.bytes()).toThrow(expect.objectContaining({ code: "bad-request", message: "Cannot begin with bytes(): the request is made; chain it to openStream()" }));
  stream.close();
});
