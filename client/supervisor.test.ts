/** Owns the proof that an EventSource goes on where browsers give it up, and dispatches each event once. */

import { expect, test, vi } from "vitest";
import { superviseEventSource } from "./index.ts";
import type { SupervisedEventSource } from "./index.ts";
import { origin, problem, quick, script, status, streamUrl, unreachable } from "./testing.ts";
import type { Answering, Sent } from "./testing.ts";

const url = `${origin}/api/answer`;

/** An EventSource whose server and browser the test plays. */
class FakeSource extends EventTarget {
  static made: FakeSource[] = [];
  readonly url: string;
  readonly withCredentials: boolean;
  readyState = 0;

  constructor(target: string, { withCredentials }: { readonly withCredentials: boolean }) {
    super();
    this.url = target;
    this.withCredentials = withCredentials;
    FakeSource.made.push(this);
  }

  opens(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  brings(seq: number, type = "message", data = String(seq)): void {
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId: `s-1-${seq}` }));
  }

  /** 0: the browser comes back by itself. 2: it has given up. */
  breaks(readyState: 0 | 2): void {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }

  close(): void {
    this.readyState = 2;
  }
}

interface Supervision {
  readonly source: SupervisedEventSource;
  readonly seen: readonly string[];
  readonly made: readonly FakeSource[];
  readonly sent: readonly Sent[];
  /** The EventSource in use, once there are `count`. */
  readonly nth: (count: number) => Promise<FakeSource>;
}

function supervise(target: string, answers: readonly Answering[] = [], tries = 3): Supervision {
  FakeSource.made = [];
  const { made } = FakeSource;
  const { fetch, sent } = script(...answers);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of one as is used
  const EventSource = FakeSource as unknown as typeof globalThis.EventSource;
  const source = superviseEventSource(target, { fetch, EventSource, retry: { ...quick, tries } });
  const seen: string[] = [];
  for (const type of ["message", "token", "longstream.reset", "longstream.end"]) {
    source.addEventListener(type, (event) => {
      if (event instanceof MessageEvent) seen.push(`${type} ${String(event.data)} ${event.lastEventId}`);
    });
  }
  for (const type of ["open", "error"]) source.addEventListener(type, () => seen.push(type));
  const nth = async (count: number): Promise<FakeSource> => {
    await vi.waitFor(() => expect(made).toHaveLength(count));
    return made[count - 1] ?? expect.fail();
  };
  return { source, seen, made, sent, nth };
}

test("messages, named events, open and the end are dispatched, and the end closes", async () => {
  const { source, seen, made, nth } = supervise(url);
  const first = await nth(1);
  first.opens();
  expect(source.readyState).toBe(1);
  first.brings(1);
  first.brings(2, "token", "a");
  expect(source.cursor).toBe("s-1-2");
  first.brings(2, "longstream.end", '{"outcome":"completed"}');
  expect(seen).toEqual(["open", "message 1 s-1-1", "token a s-1-2", 'longstream.end {"outcome":"completed"} s-1-2']);
  expect([source.readyState, first.readyState, made.length, source.error]).toEqual([2, 2, 1, null]);
});

test("P2: events that a handler names open or error have their data, and move the cursor", async () => {
  const { source, nth } = supervise(url, [status(null, 2)]);
  const seen: unknown[] = [];
  for (const type of ["open", "error"]) source.addEventListener(type, (event) => seen.push([type, event instanceof MessageEvent ? event.data : null]));
  const first = await nth(1);
  first.opens();
  first.brings(1, "open", "a");
  first.brings(2, "error", "b");
  first.brings(2, "error", "b");
  expect([seen, source.cursor]).toEqual([[["open", null], ["open", "a"], ["error", "b"]], "s-1-2"]);
  first.breaks(2);
  expect((await nth(2)).url).toBe(`${streamUrl}?from=s-1-2`);
  expect(seen.at(-1)).toEqual(["error", null]);
  source.close();
});

test("an interruption that the browser heals is told and left to it", async () => {
  const { source, seen, made, sent, nth } = supervise(url);
  const first = await nth(1);
  first.opens();
  first.breaks(0);
  expect([source.readyState, seen, made.length, sent.length]).toEqual([0, ["open", "error"], 1, 0]);
  source.close();
});

test("where the browser has given up, another EventSource goes on at the stream's own URL behind the cursor", async () => {
  const { source, seen, sent, nth } = supervise(url, [status(null, 2)]);
  const first = await nth(1);
  first.opens();
  first.brings(1);
  first.brings(2);
  first.breaks(2);
  expect(source.readyState).toBe(0);
  const second = await nth(2);
  expect([second.url, sent.map((request) => request.url)]).toEqual([`${streamUrl}?from=s-1-2`, [`${streamUrl}/status`]]);
  second.opens();
  second.brings(2);
  second.brings(3, "token");
  expect(seen).toEqual(["open", "message 1 s-1-1", "message 2 s-1-2", "error", "open", "token 3 s-1-3"]);
  source.close();
});

test("204 closes an EventSource: the status says that everything was dispatched, and how it ended", async () => {
  const error = { code: "handler-failed", message: "the handler broke" };
  const { source, seen, made, nth } = supervise(url, [status("failed", 1, error)]);
  const first = await nth(1);
  first.brings(1);
  first.breaks(2);
  await vi.waitFor(() => expect(source.readyState).toBe(2));
  expect(seen).toEqual(["message 1 s-1-1", "error", `longstream.end ${JSON.stringify({ outcome: "failed", error })} s-1-1`]);
  expect([made.length, source.error]).toEqual([1, null]);
});

test("a stream that has ended, but not been read to its end, is read on", async () => {
  const { source, nth } = supervise(url, [status("completed", 2)]);
  const first = await nth(1);
  first.brings(1);
  first.breaks(2);
  expect((await nth(2)).url).toBe(`${streamUrl}?from=s-1-1`);
  source.close();
});

test("a stream's own URL names it before its first event, and its `from` the cursor", async () => {
  const { source, sent, nth } = supervise(`${streamUrl}?from=7`, [status("completed", 7)]);
  (await nth(1)).breaks(2);
  await vi.waitFor(() => expect(source.readyState).toBe(2));
  expect(sent.map((request) => request.url)).toEqual([`${streamUrl}/status`]);
});

test("before anything has named the stream, the same URL is asked again, and tries in a row are counted", async () => {
  const { source, seen, made, sent, nth } = supervise(url);
  for (let count = 1; count <= 3; count++) (await nth(count)).breaks(2);
  await vi.waitFor(() => expect(source.readyState).toBe(2));
  expect([made.map((each) => each.url), sent.length, seen]).toEqual([[url, url, url], 0, ["error", "error", "error", "error"]]);
  expect(source.error).toMatchObject({ code: "unavailable", message: `Cannot read ${url}: the EventSource has given up (3 tries in a row came to nothing)` });
});

test("a status that cannot be had now is asked for again; a stream that is gone is final", async () => {
  const { source, sent, nth } = supervise(url, [unreachable, problem(404, { code: "stream-not-found", detail: "Cannot find the stream s-1" })]);
  const first = await nth(1);
  first.opens();
  first.brings(1);
  first.breaks(2);
  await vi.waitFor(() => expect(source.readyState).toBe(2));
  expect([sent.length, source.error]).toEqual([2, expect.objectContaining({ code: "stream-not-found" })]);
});

test("a reset moves the cursor to where the log goes on", async () => {
  const { source, seen, nth } = supervise(`${origin}/streams/s-1?from=old-9`, [status(null, 1)]);
  const first = await nth(1);
  first.dispatchEvent(new MessageEvent("longstream.reset", { data: '{"reason":"foreign","first":"s-1-0"}' }));
  expect(source.cursor).toBe("s-1-0");
  first.brings(1);
  first.breaks(2);
  expect((await nth(2)).url).toBe(`${streamUrl}?from=s-1-1`);
  expect(seen[0]).toBe('longstream.reset {"reason":"foreign","first":"s-1-0"} ');
  source.close();
});

test("a listener that is added late hears the EventSource in use and those that follow", async () => {
  const { source, nth } = supervise(url, [status(null, 2)]);
  const first = await nth(1);
  const late: string[] = [];
  source.addEventListener("late", ({ type }) => late.push(type));
  first.brings(1, "late");
  first.breaks(2);
  (await nth(2)).brings(2, "late");
  expect(late).toEqual(["late", "late"]);
  source.close();
});

test("close ends it for good, also while it waits", async () => {
  const { source, seen, made, nth } = supervise(url, [status(null, 1)]);
  const first = await nth(1);
  first.brings(1);
  first.breaks(2);
  source.close();
  first.brings(2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([source.readyState, made.length, seen]).toEqual([2, 1, ["message 1 s-1-1", "error"]]);
});

test("where there is no EventSource, or no URL, it says what to do", () => {
  vi.stubGlobal("EventSource", undefined);
  expect(() => superviseEventSource(url)).toThrow(expect.objectContaining({ code: "bad-request", message: "Cannot supervise an EventSource: there is none here; use openStream()" }));
  vi.unstubAllGlobals();
  expect(() => supervise("/relative")).toThrow(expect.objectContaining({ code: "bad-request" }));
});
