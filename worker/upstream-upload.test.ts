/** Owns the tests of a request body on its way to an upstream, and of whose silence it is meanwhile. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BodyRead } from "./upload.ts";
import { UpstreamFetch } from "./upstream-fetch.ts";
import { OutgoingBody } from "./upstream-upload.ts";

const idleMs = 1_000;
const longMs = 60_000;
const piece: BodyRead = { kind: "piece", bytes: new Uint8Array(3) };
const later: BodyRead = { kind: "later" };
const end: BodyRead = { kind: "end" };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A client's body that is what is set. */
class Arriving {
  readonly length = null;
  readonly #reads: BodyRead[] = [];
  #last: BodyRead = later;

  set(...reads: readonly BodyRead[]): void {
    this.#reads.push(...reads);
    this.#last = reads.at(-1) ?? this.#last;
  }

  read(): BodyRead {
    return this.#reads.shift() ?? this.#last;
  }
}

/** An upstream that reads whatever it is sent, and answers with `answer` once that settles. */
function asked(answer: Promise<Response>): { readonly source: Arriving; readonly body: OutgoingBody; readonly current: UpstreamFetch; readonly told: Promise<string> } {
  const source = new Arriving();
  const current = new UpstreamFetch({ attempt: 1, run: "own" }, idleMs);
  const body = new OutgoingBody(source, current);
  vi.stubGlobal("fetch", async (_request: unknown, { signal }: RequestInit) => {
    drain(body.stream()).catch(() => undefined);
    const aborted = new Promise<never>((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    return Promise.race([answer, aborted]);
  });
  const told = current.ask(new Request("https://upstream.example/")).then(async (answered) => {
    if (answered.kind === "lost") return answered.reason;
    for await (const chunk of current.chunks(answered.response)) if (chunk.kind === "lost") return chunk.reason;
    return "answered";
  });
  return { source, body, current, told };
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<void> {
  for (const reader = stream.getReader(); ; ) {
    const { done } = await reader.read();
    if (done) return;
  }
}

const never = new Promise<never>(() => undefined);

test.each([
  ["with its last bytes", [piece, end]],
  ["alone, behind a wait", [end]],
])("P7: an upstream that has the whole request and says nothing is given up, where the body's end came %s", async (_what, reads) => {
  const { source, body, told } = asked(never);
  source.set(piece, later);
  await vi.advanceTimersByTimeAsync(idleMs / 2);
  source.set(...reads);
  body.feed();
  await vi.advanceTimersByTimeAsync(idleMs + 1);
  expect(await told).toBe(`it sent nothing for ${idleMs} ms`);
});

test("an upstream that has answered and waits for its slow client is not taken for dead", async () => {
  const answer = Promise.withResolvers<Response>();
  const { source, body, told } = asked(answer.promise);
  const ended = vi.fn<() => void>();
  told.then(ended, ended);
  source.set(piece, later);
  await vi.advanceTimersByTimeAsync(1);
  const response = new TransformStream<Uint8Array, Uint8Array>();
  answer.resolve(new Response(response.readable));
  await vi.advanceTimersByTimeAsync(longMs);
  expect(ended).not.toHaveBeenCalled();
  source.set(end);
  body.feed();
  await response.writable.getWriter().close();
  await vi.advanceTimersByTimeAsync(1);
  expect(await told).toBe("answered");
});

test("an upstream that takes no more of the body may still answer", async () => {
  const answer = Promise.withResolvers<Response>();
  const { source, body, told } = asked(answer.promise);
  source.set(piece, later);
  await vi.advanceTimersByTimeAsync(1);
  body.giveUp();
  await vi.advanceTimersByTimeAsync(1);
  answer.resolve(new Response("ok"));
  await vi.advanceTimersByTimeAsync(1);
  expect(await told).toBe("answered");
});
