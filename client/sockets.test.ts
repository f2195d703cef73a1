/** Owns the proof that the client does with real sockets what it does with scripted answers. */

/// <reference types="node" />

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, onTestFinished, test, vi } from "vitest";
import { openStream } from "./index.ts";
import type { StreamState } from "./index.ts";
import { ended, quick, readAll, readData, run } from "./testing.ts";

type Answering = (request: IncomingMessage, response: ServerResponse, origin: string) => void;

interface Gateway {
  readonly origin: string;
  readonly asked: readonly string[];
  /** Answers whose socket is open now. Sockets themselves do not count: Node 22 opens a spare one behind each abort. */
  answers(): number;
  /** Destroys every socket, as the end of a process does. */
  cut(): void;
}

/** Answers each request with the next of `answers`, and destroys the socket of one more. */
async function serve(...answers: readonly Answering[]): Promise<Gateway> {
  const asked: string[] = [];
  const rest = [...answers];
  const unfinished = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    unfinished.add(response);
    response.on("close", () => unfinished.delete(response));
    asked.push(`${request.method} ${request.url} ${String(request.headers["last-event-id"] ?? "-")}`);
    (rest.shift() ?? vanish)(request, response, `http://${request.headers.host}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    asked,
    answers: () => unfinished.size,
    cut: () => server.closeAllConnections(),
  };
}

function open(response: ServerResponse, origin: string): ServerResponse {
  response.writeHead(200, { "content-type": "text/event-stream", "stream-url": `${origin}/streams/s-1` });
  response.flushHeaders();
  return response;
}

/** Sends `body`, and once it is written ends cleanly, breaks off or stays open. */
function sends(body: string, end: "clean" | "cut" | "open"): Answering {
  return (_request, response, origin) => {
    open(response, origin).write(body, () => {
      if (end === "clean") response.end();
      if (end === "cut") response.destroy();
    });
  };
}

const vanish: Answering = (_request, response) => response.destroy();

test("P5 sockets that die under an open answer are replaced, and nothing is lost or doubled", async () => {
  const gateway = await serve(sends(run(1, 2), "open"), sends(run(3, 3), "open"), sends(run(4, 4) + ended(4, "completed"), "clean"));
  const seen: string[] = [];
  for await (const { data } of openStream(`${gateway.origin}/api`, { retry: quick })) {
    seen.push(data);
    if (data === "2" || data === "3") gateway.cut();
  }
  expect(seen).toEqual(["1", "2", "3", "4"]);
  expect(gateway.asked).toEqual(["GET /api -", "GET /streams/s-1 s-1-2", "GET /streams/s-1 s-1-3"]);
});

test("P3 an outcome that is followed by an abort is known, whether or not the bytes before it arrived", async () => {
  const error = { code: "handler-failed", message: "Cannot go on: the handler threw" };
  const gateway = await serve(
    sends(run(1, 2) + ended(2, "failed", error), "cut"),
    (_request, response, origin) => response.writeHead(204, { "stream-url": `${origin}/streams/s-1` }).end(),
    (_request, response) => response.end(JSON.stringify({ outcome: "failed", error, lastSeq: 2 })),
  );
  const stream = openStream(`${gateway.origin}/streams/s-1`, { retry: quick, from: "s-1-0" });
  expect((await readAll(stream)).thrown).toMatchObject(error);
  expect(stream.outcome).toBe("failed");
});

test("a POST whose socket died before an answer is not sent again", async () => {
  const gateway = await serve(vanish);
  const { thrown } = await readAll(openStream(`${gateway.origin}/api`, { retry: quick, method: "POST", body: "question" }));
  expect(thrown).toMatchObject({ code: "unavailable" });
  expect(String(thrown)).toContain("POST is not sent again");
  expect(gateway.asked).toEqual(["POST /api -"]);
});

test("an unreachable host ends in an error that names it, and why", async () => {
  const { thrown } = await readAll(openStream("http://127.0.0.1:1/api", { retry: { ...quick, tries: 3 } }));
  expect(thrown).toMatchObject({ code: "unavailable" });
  expect(String(thrown)).toMatch(/^LongstreamError: Cannot reach http:\/\/127\.0\.0\.1:1\/api: .*\(3 tries in a row came to nothing\)$/);
});

test("breaking out of the iteration closes the socket", async () => {
  const gateway = await serve(sends(run(1, 2), "open"));
  for await (const { data } of openStream(gateway.origin)) {
    expect([data, gateway.answers()]).toEqual(["1", 1]);
    break;
  }
  await vi.waitFor(() => expect(gateway.answers()).toBe(0));
});

test("close closes the socket of a stream that was never iterated", async () => {
  const gateway = await serve(sends(run(1, 2), "open"));
  const stream = openStream(gateway.origin);
  await vi.waitFor(() => expect(stream.state).toBe("open"));
  stream.close();
  await vi.waitFor(() => expect(gateway.answers()).toBe(0));
  expect(await readData(stream)).toEqual([]);
});

test("the caller's signal closes the socket and ends a waiting iteration with its reason", async () => {
  const gateway = await serve(sends(run(1, 1), "open"));
  const controller = new AbortController();
  const states: StreamState[] = [];
  const stream = openStream(gateway.origin, { signal: controller.signal, onState: (state) => states.push(state) });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect([states, stream.outcome]).toEqual([["open", "failed"], null]);
  await vi.waitFor(() => expect(gateway.answers()).toBe(0));
});

test("P6 a slow iteration holds the server back instead of filling memory", async () => {
  const count = 1_024;
  const padding = `: ${"x".repeat(32 * 1024)}\n`;
  let written = 0;
  const flood: Answering = (_request, response, origin) => {
    open(response, origin);
    const more = (): void => {
      while (written < count) if (!response.write(padding + run(++written, written))) return;
      response.off("drain", more).end(ended(count, "completed"));
    };
    response.on("drain", more);
    more();
  };
  const gateway = await serve(flood);
  const iterator = openStream(gateway.origin)[Symbol.asyncIterator]();
  await iterator.next();
  let before = -1;
  await vi.waitFor(
    () => {
      const stalled = before === written;
      before = written;
      expect(stalled).toBe(true);
    },
    { interval: 100 },
  );
  expect(written).toBeLessThan(count / 2);
  let last = 1;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) last = Number(next.value.data);
  expect([last, written]).toEqual([count, count]);
});
