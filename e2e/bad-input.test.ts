/** Bad input: each a clear error that says what to do, and nothing stored is harmed. */

import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import { encodeDataFrame } from "../protocol/data-frame.ts";
import { emptyDigest } from "../protocol/hash.ts";
import { signTicket } from "../worker/ticket.ts";
import { HandProducer, openSilent } from "./support/producer.ts";
import { Reader } from "./support/reader.ts";
import { testTicketSecret, useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({
  fixtures: ["silent", "shapes", "unusable"],
  routes: [{ path: "/small", kind: "events", function: "shapes", region: "us-east-1", maxRequestBytes: 100 }],
});
const at = (path: string): URL => new URL(path, stack.current.url);

const problem = async (response: Response): Promise<unknown> => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return response.json();
};

describe("a request", () => {
  test("on an unknown path is 404", async () => {
    const response = await fetch(at("/nowhere"));
    expect(await problem(response)).toMatchObject({ status: 404, code: "route-not-found" });
  });

  test("with a method the route does not take is 405 with allow", async () => {
    const response = await fetch(at("/api/count"), { method: "PUT" });
    expect(response.headers.get("allow")).toBe("GET");
    expect(await problem(response)).toMatchObject({ status: 405, code: "method-not-allowed" });
  });

  test.each(["PUT", "POST"])("%s on a stream's path is 405 with allow", async (method) => {
    const response = await fetch(at("/streams/abc"), { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, DELETE"]);
    await response.body?.cancel();
  });

  test.each([
    ["declared", "x".repeat(101)],
    ["chunked", new Blob(["x".repeat(60), "y".repeat(60)]).stream()],
  ])("with a %s body over the route's limit is 413", async (_how, body) => {
    const response = await fetch(at("/small?kind=echo"), { method: "POST", body, duplex: "half" } as RequestInit);
    expect(await problem(response)).toMatchObject({ status: 413, code: "request-too-large" });
  });

  test("with a body at the limit is taken", async () => {
    const reader = await Reader.readAll(at("/small?kind=echo"), { method: "POST", body: "x".repeat(100) });
    expect(reader.messages).toHaveLength(1);
  });

  test("with a URL over the limit is 414", async () => {
    const response = await fetch(at(`/api/count?x=${"y".repeat(17_000)}`));
    expect(await problem(response)).toMatchObject({ status: 414, code: "url-too-long" });
  });

  test("with headers over the limit is 431", async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`x-${i}`, "z".repeat(7_000)]));
      httpRequest(at("/api/count"), { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(431);
  });

  test("for a stream nobody created is 404, on every path, and leaves no object's storage behind", async () => {
    for (const [path, method] of [["", "GET"], ["/status", "GET"], ["/cancel", "POST"], ["", "DELETE"]] as const) {
      const response = await fetch(at(`/streams/nobody${path}`), { method });
      expect(await problem(response)).toMatchObject({ status: 404, code: "stream-not-found" });
    }
    expect(await stack.current.worker.sql("nobody", "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'record'")).toEqual([]);
  });

  test.each(["[]", "nonsense", '{"attempt":"1"}'])("to cancel with the body %s is 400", async (body) => {
    const { reader, streamId } = await openSilent(stack.current);
    const response = await fetch(at(`/streams/${streamId}/cancel`), { method: "POST", body });
    expect(await problem(response)).toMatchObject({ status: 400, code: "bad-request" });
    expect((await statusOf(stack.current.url, streamId)).phase).toBe("pending");
    reader.leave();
  });
});

describe("a producer's upgrade is refused with 401 before the object is woken", () => {
  test.each([
    ["without a ticket", async () => ({})],
    ["with a forged ticket", async () => ({ authorization: "Bearer v1.eyJhIjoxfQ.AAAA" })],
    ["with a ticket signed by another secret", async (stream: string) => bearer(stream, "another-secret-0123456789-0123456789", 60_000)],
    ["with an expired ticket", async (stream: string) => bearer(stream, testTicketSecret, -1)],
    ["with a ticket for another stream", async () => bearer("another", testTicketSecret, 60_000)],
  ])("%s", async (_what, headersFor) => {
    const { reader, streamId } = await openSilent(stack.current);
    const headers: Record<string, string> = { "longstream-producer": "x", ...(await headersFor(streamId)) };
    const before = (await statusOf(stack.current.url, streamId)).cost.messagesIn;
    await expect(HandProducer.dial(stack.current, streamId, headers)).rejects.toThrow("refused with 401");
    expect(await statusOf(stack.current.url, streamId)).toMatchObject({ phase: "pending", cost: { messagesIn: before } });
    reader.leave();
  });

  const bearer = async (stream: string, secret: string, forMs: number): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await signTicket({ stream, attempt: 1, expiresAt: Date.now() + forMs }, secret)}`,
  });

  test("a request that is no upgrade is 426", async () => {
    const response = await fetch(at("/streams/abc/producer"));
    expect(await problem(response)).toMatchObject({ status: 426, code: "upgrade-required" });
  });
});

describe("a malformed frame closes the socket with 4400 and a reason, and what is stored stays", () => {
  const frame = (bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
  test.each([
    ["an empty frame", frame([]), "ends before its version"],
    ["an unknown version", frame([9, 1]), "its version is 9"],
    ["a frame without events", frame([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "carries no event"],
    ["an event that is cut off", frame([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 65]), "ends inside its event"],
    ["an event with a blank line", encodeDataFrame({ firstSeq: 2, digest: emptyDigest, sourceId: "", payloads: [new TextEncoder().encode("data: a\n\ndata: b\n")] }), "empty line"],
    ["text that is no JSON", "hello", "not JSON"],
    ["a message of unknown type", '{"type":"dance"}', '"type" is not one of'],
    ["a head with an unknown mode", '{"type":"head","status":200,"headers":[],"mode":"frames"}', '"mode" is not one of events, bytes'],
    ["an end with a bad outcome", '{"type":"end","seq":1,"outcome":"cancelled"}', '"outcome" is not one of'],
    ["a gap", encodeDataFrame({ firstSeq: 5, digest: emptyDigest, sourceId: "", payloads: [new TextEncoder().encode("data: x\n")] }), "the expected seq is 2"],
    ["an end behind events that never came", '{"type":"end","seq":9,"outcome":"completed","error":null}', "the expected seq is 2"],
  ])("%s", async (_what, bad, reason) => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    producer.sendEvents(1, ["data: kept\n"]);
    await producer.acked(1);
    producer.sendRaw(bad);
    const closed = await producer.closed;
    expect(closed.code).toBe(4400);
    expect(closed.reason).toContain(reason);
    await reader.seen(1);
    const stored = await Reader.readAll(at(`/streams/${dialled.streamId}?live=false`));
    expect(stored.messages.map(({ data }) => data)).toEqual(["kept"]);
    const again = await HandProducer.welcome(stack.current, dialled);
    expect((await again.received("welcome")).resume).toMatchObject({ seq: 1 });
    again.sendEvents(2, ["data: more\n"]);
    again.tell({ type: "end", seq: 2, outcome: "completed", error: null });
    expect((await again.closed).code).toBe(1000);
    await reader.ended;
    expect(reader.messages.map(({ data }) => data)).toEqual(["kept", "more"]);
  });

  test("an event over the limit from a foreign producer closes with 4413 and fails the stream with its size", async () => {
    const { reader, ...dialled } = await openSilent(stack.current);
    const producer = await HandProducer.welcome(stack.current, dialled);
    const payload = new TextEncoder().encode(`data: ${"x".repeat(1_048_500)}\n`);
    producer.sendRaw(encodeDataFrame({ firstSeq: 1, digest: emptyDigest, sourceId: "", payloads: [payload] }));
    expect((await producer.closed).code).toBe(4413);
    const status = await waitForStatus(stack.current.url, dialled.streamId, ({ phase }) => phase === "ended");
    expect(status.error).toMatchObject({ code: "event-too-large", message: expect.stringContaining(String(payload.length)) });
    await reader.ended;
  });
});

describe("a handler", () => {
  const endOf = async (path: string): Promise<{ reader: Reader; end: Readonly<Record<string, unknown>> | undefined }> => {
    const reader = await Reader.readAll(at(path));
    return { reader, end: reader.control("longstream.end") };
  };

  test("that yields an event over 1 MiB fails the stream with event-too-large and the size, after what came before", async () => {
    const { reader, end } = await endOf("/fixtures/shapes?kind=large&size=1100000");
    expect(reader.messages.map(({ data }) => data)).toEqual(["before"]);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "event-too-large", message: expect.stringContaining("1100007 bytes") } });
  });

  test("may yield an event of a million bytes", async () => {
    const { reader, end } = await endOf("/fixtures/shapes?kind=large&size=1000000");
    expect(reader.messages.map(({ data }) => data.length)).toEqual([6, 1_000_000]);
    expect(end).toEqual({ outcome: "completed" });
  });

  test("that names an event with a line break is told which one", async () => {
    const { reader, end } = await endOf("/fixtures/shapes?kind=bad-name");
    expect(reader.messages).toHaveLength(1);
    expect(end).toMatchObject({ outcome: "failed", error: { code: "bad-event", message: expect.stringContaining(String.raw`"bad\nname"`) } });
  });

  test("that returns nothing usable is told what is accepted", async () => {
    const { end } = await endOf("/fixtures/unusable");
    expect(end).toMatchObject({
      outcome: "failed",
      error: { code: "bad-handler-result", message: expect.stringContaining("return a Response, an async generator or another iterable of events") },
    });
  });
});
