/** Owns the tests of one open body over consumer sockets that break. */

import { describe, expect, test } from "vitest";
import type { ConsumerStart } from "../protocol/consumer-frames.ts";
import type { From } from "../protocol/cursor.ts";
import type { Mode } from "../protocol/producer-messages.ts";
import { byteFormat, eventFormat } from "./body-format.ts";
import type { BodyFormat } from "./body-format.ts";
import type { ConsumerLink, Received } from "./consumer-link.ts";
import { Relay } from "./relay.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const events = eventFormat({ retryMs: 1_000, controls: "comments", reset: null });
const completed = (seq: number): Received => ({ type: "end", seq, outcome: "completed", error: null });
const startAt = (seq: number, mode: Mode = "bytes", log = "log"): ConsumerStart => ({
  type: "start",
  log,
  seq,
  offset: seq,
  reset: null,
  head: { status: 200, headers: [], mode },
  extent: { kind: "whole", bytes: null },
});
/** A frame of a log of bytes. */
const frame = (firstSeq: number, text: string): Received => ({
  type: "events",
  firstSeq,
  lastSeq: firstSeq + text.length - 1,
  offset: firstSeq - 1,
  bytes: encoder.encode(text),
});

/** A consumer socket that brings what it was given, then is lost. */
function linkOf(...received: readonly Received[]): ConsumerLink {
  const queue = [...received];
  const link = { next: async (): Promise<Received> => queue.shift() ?? { type: "lost", code: 1006 }, grant: () => undefined, close: () => undefined };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the three methods a relay calls
  return link as unknown as ConsumerLink;
}

interface Relayed {
  readonly text: string;
  readonly end: "closed" | "aborted";
  /** Where each further socket was opened from. */
  readonly asked: readonly From[];
}

/** What a client gets of a body whose sockets bring what is given, the first one behind its start. */
async function relayed(format: BodyFormat, start: ConsumerStart, first: readonly Received[], ...later: readonly (readonly Received[])[]): Promise<Relayed> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const asked: From[] = [];
  const relay = new Relay({
    writer: writable.getWriter(),
    format,
    reconnect: async (from) => {
      const received = later[asked.length];
      asked.push(from);
      return received === undefined ? { kind: "missing" } : { kind: "open", link: linkOf(...received) };
    },
    heartbeatMs: 60_000,
    maxStallMs: 60_000,
    signal: new AbortController().signal,
  });
  const [got] = await Promise.all([read(readable), relay.run(start, linkOf(...first))]);
  return { ...got, asked };
}

test("P2: a socket that is lost right after it said where it starts is opened again from where the reader is", async () => {
  const { text, end, asked } = await relayed(events, startAt(50, "events"), [], [startAt(50, "events"), completed(50)]);
  expect(asked).toEqual([{ kind: "cursor", log: "log", seq: 50 }]);
  expect(text).toBe(": longstream\nretry: 1000\nid: log-50\n\n");
  expect(end).toBe("closed");
});

describe("P2: a body of bytes", () => {
  test("is the bytes alone, and goes on behind the last of them when a socket is lost", async () => {
    const again = [startAt(6), frame(7, "ghi"), completed(9)];
    expect(await relayed(byteFormat(null), startAt(0), [frame(1, "abcd"), frame(5, "ef")], again)).toEqual({
      text: "abcdefghi",
      end: "closed",
      asked: [{ kind: "cursor", log: "log", seq: 6 }],
    });
  });

  test.each<[string, Received]>([
    ["a frame that leaves a gap", frame(7, "gh")],
    ["a frame it has already", frame(1, "abcd")],
    ["a frame that overlaps", frame(4, "def")],
    ["an end before its last byte", completed(9)],
    ["what only a beginning is told", { type: "unsatisfiable", bytes: 4, outcome: null }],
  ])("takes nothing from a socket that brings %s, and opens another", async (_, odd) => {
    const again = [startAt(4), frame(5, "ef"), completed(6)];
    expect(await relayed(byteFormat(null), startAt(0), [frame(1, "abcd"), odd], again)).toEqual({
      text: "abcdef",
      end: "closed",
      asked: [{ kind: "cursor", log: "log", seq: 4 }],
    });
  });

  test("is whole at the last byte that was asked for, also in the middle of a frame, and waits for no end", async () => {
    expect(await relayed(byteFormat(6), startAt(2), [frame(3, "c"), frame(4, "defg"), frame(8, "h")])).toEqual({ text: "cdef", end: "closed", asked: [] });
  });

  test("of a range keeps its end over a socket that is lost", async () => {
    const again = [startAt(4), frame(5, "efgh")];
    expect(await relayed(byteFormat(6), startAt(2), [frame(3, "cd")], again)).toEqual({
      text: "cdef",
      end: "closed",
      asked: [{ kind: "cursor", log: "log", seq: 4 }],
    });
  });

  test("of what is stored ends where the object says so", async () => {
    expect(await relayed(byteFormat(null), startAt(0), [frame(1, "ab"), { type: "stored-end" }])).toEqual({ text: "ab", end: "closed", asked: [] });
  });
});

describe("P3: a body of bytes", () => {
  test.each([
    ["completed", "closed"],
    ["cancelled", "closed"],
    ["failed", "aborted"],
    ["expired", "aborted"],
  ] as const)("of a stream that %s is %s", async (outcome, end) => {
    const got = await relayed(byteFormat(null), startAt(0), [frame(1, "ab"), { type: "end", seq: 2, outcome, error: null }]);
    expect([got.text, got.end]).toEqual(["ab", end]);
  });

  test.each<[string, readonly Received[]]>([
    ["is of another log", [startAt(2, "bytes", "other"), completed(2)]],
    ["is elsewhere", [startAt(0), completed(2)]],
    ["was reset", [{ ...startAt(2), reset: "beyond-end" }, completed(2)]],
  ])("is aborted when the socket opened again %s", async (_, again) => {
    expect(await relayed(byteFormat(null), startAt(0), [frame(1, "ab")], again)).toMatchObject({ text: "ab", end: "aborted" });
  });

  test("is aborted when its stream was removed", async () => {
    expect(await relayed(byteFormat(null), startAt(0), [frame(1, "ab")])).toMatchObject({ text: "ab", end: "aborted" });
  });

  test("P7: is aborted after sockets that bring nothing, one after another", async () => {
    const empty = Array.from({ length: 9 }, () => [startAt(2)]);
    const { text, end, asked } = await relayed(byteFormat(null), startAt(0), [frame(1, "ab")], ...empty);
    expect([text, end, asked.length]).toEqual(["ab", "aborted", 5]);
  });
});

async function read(readable: ReadableStream<Uint8Array>): Promise<Pick<Relayed, "text" | "end">> {
  let text = "";
  try {
    for await (const part of readable) text += decoder.decode(part);
    return { text, end: "closed" };
  } catch {
    return { text, end: "aborted" };
  }
}

test("a body whose client is gone ends, though nothing else says so, and opens no other socket", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  let opened = 0;
  const link = silentLink();
  const relay = new Relay({
    writer: writable.getWriter(),
    format: events,
    reconnect: async () => {
      opened++;
      return { kind: "open", link: silentLink() };
    },
    heartbeatMs: 60_000,
    maxStallMs: 60_000,
    signal: new AbortController().signal,
  });
  const running = relay.run(startAt(0, "events"), link);
  const reader = readable.getReader();
  await reader.read();
  await reader.cancel("the client has left");
  await running;
  expect(opened).toBe(0);
});

/** A consumer socket that brings nothing until it is closed. */
function silentLink(): ConsumerLink {
  const closed = Promise.withResolvers<Received>();
  const link = { next: async () => closed.promise, grant: () => undefined, close: () => closed.resolve({ type: "lost", code: 1000 }) };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the three methods a relay calls
  return link as unknown as ConsumerLink;
}
