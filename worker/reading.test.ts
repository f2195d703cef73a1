/** Owns the tests of the beginning of a read: what the object's first message makes of it. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConsumeRequest, ToConsumer } from "../protocol/consumer-frames.ts";
import { LongstreamError } from "../protocol/errors.ts";
import type { Env } from "./env.ts";
import { beginReading } from "./reading.ts";
import type { Beginning } from "./reading.ts";

const asked: ConsumeRequest = { from: { kind: "cursor", log: "s1", seq: 50 }, range: null, follow: "live", route: null, opening: "first" };
const start: ToConsumer = {
  type: "start",
  log: "s1",
  seq: 50,
  offset: 700,
  reset: null,
  head: { status: 200, headers: [], mode: "events" },
  extent: { kind: "whole", bytes: null },
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The Worker's end of a consumer socket that brings its messages once it was accepted. */
class Socket extends EventTarget {
  binaryType = "blob";
  closed = false;
  readonly #bring: readonly Event[];

  constructor(...bring: readonly Event[]) {
    super();
    this.#bring = bring;
  }

  accept(): void {
    for (const event of this.#bring) this.dispatchEvent(event);
  }

  close(): void {
    this.closed = true;
  }
}

const message = (sent: ToConsumer): Event => Object.assign(new Event("message"), { data: JSON.stringify(sent) });
const closing = (code: number): Event => Object.assign(new Event("close"), { code });

/** An environment whose object answers one upgrade after another; `requests` is what it was asked. */
function envOf(...answers: readonly { readonly status: number; readonly webSocket: Socket | null }[]): { readonly env: Env; readonly requests: string[] } {
  const requests: string[] = [];
  const fetch = async (_: string, { headers }: { readonly headers: Readonly<Record<string, string>> }): Promise<unknown> => {
    requests.push(headers["longstream-consume"] ?? "");
    return answers[requests.length - 1] ?? { status: 500, webSocket: null };
  };
  const env = { STREAMS: { idFromName: (name: string) => name, get: () => ({ fetch }) } };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one binding a read uses
  return { env: env as unknown as Env, requests };
}

const open = (webSocket: Socket): { readonly status: number; readonly webSocket: Socket } => ({ status: 101, webSocket });

async function begun(env: Env, signal = new AbortController().signal, uploaded: Promise<void> = Promise.resolve()): Promise<Beginning> {
  return beginReading(env, "s1", asked, { headTimeoutMs: 1_000, uploaded, signal });
}

describe("a read begins", () => {
  test("P2: on another socket, asked for the same, when one is lost before it said where it starts", async () => {
    const { env, requests } = envOf(open(new Socket(closing(1006))), open(new Socket(closing(1000))), open(new Socket(message(start))));
    expect(await begun(env)).toMatchObject({ kind: "started", start });
    expect(requests).toEqual(Array.from({ length: 3 }, () => JSON.stringify(asked)));
  });

  test.each<[string, ToConsumer, object]>([
    ["with everything there will ever be", { type: "complete", outcome: "completed" }, { kind: "complete", outcome: "completed" }],
    ["with a range that is not there", { type: "unsatisfiable", bytes: 3, outcome: null }, { kind: "unsatisfiable", bytes: 3, outcome: null }],
    [
      "at the end of a stream that never answered",
      { type: "end", seq: 0, outcome: "failed", error: { code: "handler-failed", message: "broke" } },
      { kind: "headless", end: { type: "end", seq: 0, outcome: "failed", error: { code: "handler-failed", message: "broke" } } },
    ],
  ])("%s", async (_, first, beginning) => {
    expect(await begun(envOf(open(new Socket(message(first)))).env)).toEqual(beginning);
  });

  test.each<[string, { readonly status: number; readonly webSocket: Socket | null }]>([
    ["that does not exist", { status: 404, webSocket: null }],
    ["that is removed while its head is awaited", open(new Socket(closing(4404)))],
  ])("with nothing of a stream %s", async (_, answer) => {
    expect(await begun(envOf(answer).env)).toEqual({ kind: "missing" });
  });
});

describe("a read fails", () => {
  test("P6: when the stream has all the readers it may have", async () => {
    const error = new LongstreamError("too-many-readers", "Cannot read the stream s1: it has as many readers as its maxConsumers; come back later");
    await expect(begun(envOf({ status: 503, webSocket: null }).env)).rejects.toThrow(error);
  });

  test("P7: when its sockets close at once, five in a row", async () => {
    const { env, requests } = envOf(...Array.from({ length: 9 }, () => open(new Socket(closing(1006)))));
    await expect(begun(env)).rejects.toThrow(new LongstreamError("unavailable", "Cannot read the stream s1: its sockets close at once; try again"));
    expect(requests).toHaveLength(5);
  });

  test("P7: when the function has not answered in time, and leaves no socket behind", async () => {
    const socket = new Socket();
    const failing = failureOf(begun(envOf(open(socket)).env));
    await vi.advanceTimersByTimeAsync(999);
    expect(socket.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failing).toEqual(new LongstreamError("head-timeout", "Cannot answer yet: the function has not; its stream goes on as s1"));
    expect(socket.closed).toBe(true);
  });

  test("P7: when the function has not answered in time once it has the whole request, and no sooner", async () => {
    const upload = Promise.withResolvers<void>();
    const socket = new Socket();
    const failing = failureOf(begun(envOf(open(socket)).env, undefined, upload.promise));
    await vi.advanceTimersByTimeAsync(5_000);
    upload.resolve();
    await vi.advanceTimersByTimeAsync(999);
    expect(socket.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await failing).toMatchObject({ code: "head-timeout" });
  });

  test("P7: within the same time also when sockets are lost on the way", async () => {
    const late = new Socket();
    const { env } = envOf(open(new Socket(closing(1006))), open(late));
    const failing = failureOf(begun(env));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await failing).toMatchObject({ code: "head-timeout" });
    expect(late.closed).toBe(true);
  });

  test("P8: when its client leaves, and leaves no socket behind", async () => {
    const socket = new Socket();
    const client = new AbortController();
    const failing = failureOf(begun(envOf(open(socket)).env, client.signal));
    await vi.advanceTimersByTimeAsync(1);
    client.abort();
    expect(await failing).toEqual(new LongstreamError("unavailable", "Cannot answer: the client has left"));
    expect([socket.closed, vi.getTimerCount()]).toEqual([true, 0]);
  });
});

async function failureOf(reading: Promise<Beginning>): Promise<unknown> {
  return reading.then(
    () => null,
    (error: unknown) => error,
  );
}
