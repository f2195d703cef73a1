/** Owns the tests of reading a stream's history back over a network that breaks. */

import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { portOf } from "../local/proxy.ts";
import { readHistory } from "./history.ts";

type Answer = (response: ServerResponse, from: number) => void;

const servers: { close(): void; closeAllConnections(): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Answers in turn; the last answer is repeated. Gives the URL of the stream and the cursors it was asked for. */
async function serve(...answers: Answer[]): Promise<{ url: string; asked: number[] }> {
  const asked: number[] = [];
  const server = createServer((request, response) => {
    const from = Number(new URL(request.url ?? "", "http://x").searchParams.get("from"));
    asked.push(from);
    response.setHeader("content-type", "text/event-stream");
    (answers[asked.length - 1] ?? answers.at(-1))?.(response, from);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return { url: `http://127.0.0.1:${portOf(server)}/streams/s`, asked };
}

const event = (seq: number): string => `event: token\ndata: ${seq}\nid: s-${seq}\n\n`;
const write = (response: ServerResponse, from: number, to: number): void => {
  for (let seq = from + 1; seq <= to; seq++) response.write(event(seq));
};
const whole = (to: number): Answer => (response, from) => {
  write(response, from, to);
  response.end();
};
/** The bytes get out before the connection is reset. */
const cutAfter = (count: number): Answer => (response, from) => {
  write(response, from, from + count);
  response.write(":\n\n", () => setImmediate(() => response.destroy()));
};
const status = (code: number): Answer => (response) => response.writeHead(code).end();

const collect = async (url: string, until: number): Promise<number[]> => {
  const seqs: number[] = [];
  for await (const { seq } of readHistory(url, until, new AbortController().signal)) seqs.push(seq);
  return seqs;
};

describe("the history", () => {
  test("is the stored events, with name and data, and no more than asked for", async () => {
    const { url } = await serve(whole(9));
    const events = [];
    for await (const logged of readHistory(url, 2, new AbortController().signal)) events.push(logged);
    expect(events).toEqual([
      { seq: 1, event: "token", data: "1" },
      { seq: 2, event: "token", data: "2" },
    ]);
  });

  test("goes on from its cursor when a read is cut, when it ends early, and when the gateway is away for a moment", async () => {
    const { url, asked } = await serve(cutAfter(0), status(503), whole(3), cutAfter(0), whole(6));
    expect(await collect(url, 6)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(asked).toEqual([0, 0, 0, 3, 3]);
  });

  test("that breaks off again and again without progress says where", async () => {
    const { url, asked } = await serve(whole(2));
    const error = await collect(url, 5).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LongstreamError);
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("breaks off after event 2 of 5") });
    expect(asked).toHaveLength(6);
  });

  test("of an answer in bytes is refused with the way out, and not asked for again", async () => {
    const { url, asked } = await serve((response) => response.setHeader("content-type", "image/png").end("bytes"));
    await expect(collect(url, 5)).rejects.toThrow(
      new LongstreamError("bad-request", "Cannot read the history of the stream: it answers with bytes; go on from resume.seq, the number of them"),
    );
    expect(asked).toEqual([0]);
  });

  test("of a stream that is gone is not asked for again", async () => {
    const { url, asked } = await serve(status(404));
    await expect(collect(url, 5)).rejects.toMatchObject({ code: "stream-not-found" });
    expect(asked).toEqual([0]);
  });
});
