/** Owns the tests of running a handler's events into a session. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { decodeDataFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { encodeMessage } from "../protocol/producer-messages.ts";
import { toAnswer } from "./answer.ts";
import type { Chunk, ChunkSource } from "./chunks.ts";
import { drive } from "./drive.ts";
import { logStart } from "./outbox.ts";
import { Session } from "./session.ts";
import type { StopReason } from "./stop.ts";

const decoder = new TextDecoder();
const cancelled: StopReason = { kind: "cancel", reason: "the reader asked" };

interface Sent {
  readonly data: string;
  readonly sourceId: string;
}

/** An active session; `sent` is what the object got, a frame's source id with each of its events. */
function started(window = 1_000_000): { readonly session: Session; readonly sent: Sent[]; readonly ack: (seq: number) => void } {
  const session = new Session({ resume: "replay" });
  const sent: Sent[] = [];
  session.attach({
    send: (data) => {
      if (typeof data === "string") return;
      const { sourceId, payloads } = decodeDataFrame(data, "events");
      sent.push(...payloads.map((payload) => ({ data: decoder.decode(payload).slice("data: ".length, -1), sourceId })));
    },
    close: () => undefined,
    abandon: () => undefined,
  });
  const request = { method: "GET", url: "https://g.example/api", headers: [], bodyBytes: 0 };
  session.receive(encodeMessage({ type: "welcome", attempt: 1, role: "active", resume: null, request, window, leaseMs: 30_000, commitIntervalMs: 50 }));
  session.startFrom(logStart, logStart, { status: 200, headers: [], mode: "events" });
  return { session, sent, ack: (seq) => session.receive(encodeMessage({ type: "ack", seq, checkpoint: null })) };
}

describe("driving a handler", () => {
  test("sends every event and completes", async () => {
    const { session, sent } = started();
    expect(await drive(await sourceOf(["a", { data: { n: 1 } }, "c"]), session, "")).toEqual({ kind: "completed" });
    await nextTurn();
    expect(sent.map(({ data }) => data)).toEqual(["a", '{"n":1}', "c"]);
  });

  test("keeps the source id before until an event has its own", async () => {
    const { session, sent } = started();
    const source = await sourceOf(turns(["a", { data: "b", id: "s2" }, "c", { data: "d", id: "" }]));
    await drive(source, session, "s1");
    await nextTurn();
    expect(sent).toEqual([
      { data: "a", sourceId: "s1" },
      { data: "b", sourceId: "s2" },
      { data: "c", sourceId: "s2" },
      { data: "d", sourceId: "" },
    ]);
  });

  test("rejects with what the handler throws, and what it yielded before is sent", async () => {
    const { session, sent } = started();
    await expect(drive(await sourceOf(brokenAfter("a")), session, "")).rejects.toThrow(new TypeError("upstream was gone"));
    await nextTurn();
    expect(sent.map(({ data }) => data)).toEqual(["a"]);
  });

  test("rejects an event that cannot be one, and pushes nothing of it", async () => {
    const { session, sent } = started();
    await expect(drive(await sourceOf(["a", 7, "c"]), session, "")).rejects.toThrow(
      new LongstreamError("bad-event", "Cannot write what the handler yielded (number): an event is a string or {event?, data, id?}"),
    );
    await nextTurn();
    expect(sent.map(({ data }) => data)).toEqual(["a"]);
  });
});

describe("P8: an attempt that must stop", () => {
  test("does not wait for an event that is being made", async () => {
    const { session } = started();
    const never = Promise.withResolvers<IteratorResult<Chunk, unknown>>();
    const driven = drive({ next: async () => never.promise, return: async () => undefined }, session, "");
    session.stop.give(cancelled);
    expect(await driven).toEqual({ kind: "stopped", reason: cancelled });
  });

  test("drops the event that was being made, also when it comes after all", async () => {
    const { session, sent } = started();
    const late = Promise.withResolvers<IteratorResult<Chunk, unknown>>();
    const driven = drive({ next: async () => late.promise, return: async () => undefined }, session, "");
    session.stop.give({ kind: "yield" });
    late.resolve({ done: false, value: { payload: new TextEncoder().encode("data: late\n"), sourceId: null } });
    expect(await driven).toEqual({ kind: "stopped", reason: { kind: "yield" } });
    await nextTurn();
    expect(sent).toEqual([]);
  });

  test("does not begin when it was stopped before", async () => {
    const { session, sent } = started();
    session.stop.give(cancelled);
    expect(await drive(await sourceOf(["a"]), session, "")).toEqual({ kind: "stopped", reason: cancelled });
    await nextTurn();
    expect(sent).toEqual([]);
  });

  test("is stopped in the middle of a handler that never waits", async () => {
    const { session } = started(Number.MAX_SAFE_INTEGER);
    setImmediate(() => session.stop.give(cancelled));
    expect(await drive(await sourceOf(endless({ yielded: 0, ended: false })), session, "")).toEqual({ kind: "stopped", reason: cancelled });
  });

  test("is stopped while it waits for room, and its handler's finally blocks run on return", async () => {
    const { session } = started(8);
    const state = { yielded: 0, ended: false };
    const source = await sourceOf(endless(state));
    const driven = drive(source, session, "");
    await nextTurn();
    session.stop.give({ kind: "yield" });
    expect(await driven).toEqual({ kind: "stopped", reason: { kind: "yield" } });
    expect(state).toEqual({ yielded: 1, ended: false });
    await source.return();
    expect(state).toEqual({ yielded: 1, ended: true });
  });
});

describe("P6: the window", () => {
  test("keeps a handler from being asked for more than fits", async () => {
    const { session, sent, ack } = started(24);
    const state = { yielded: 0, ended: false };
    const driven = drive(await sourceOf(endless(state)), session, "");
    await sentAll();
    expect(state.yielded).toBe(3);
    ack(1);
    await sentAll();
    expect(state.yielded).toBe(4);
    ack(4);
    await sentAll();
    expect(state.yielded).toBe(7);
    session.stop.give(cancelled);
    await driven;
    expect(sent.map(({ data }) => data)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
  });

  test("lets one event that is larger than itself through", async () => {
    const { session } = started(1);
    const driven = drive(await sourceOf(["x".repeat(100)]), session, "");
    await sentAll();
    session.receive(encodeMessage({ type: "ack", seq: 1, checkpoint: null }));
    expect(await driven).toEqual({ kind: "completed" });
  });
});

async function sourceOf(result: unknown): Promise<ChunkSource> {
  return toAnswer(result).source;
}

/** One turn in which the handler goes on as far as it may, and one at whose end that is sent. */
async function sentAll(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

/** Each event in a turn of its own, so that each has its frame. */
async function* turns(events: readonly unknown[]): AsyncGenerator {
  for (const event of events) {
    yield event;
    await nextTurn();
  }
}

async function* brokenAfter(event: string): AsyncGenerator<string> {
  yield event;
  throw new TypeError("upstream was gone");
}

async function* endless(state: { yielded: number; ended: boolean }): AsyncGenerator<string> {
  try {
    for (;;) yield String(state.yielded++ % 10);
  } finally {
    state.ended = true;
  }
}
