/** Fuzzing of requests to the gateway: what of any headers reaches the stream, and what of any body, however it comes. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LongstreamError } from "../../../protocol/errors.ts";
import type { HeaderPairs } from "../../../protocol/producer-messages.ts";
import type { Config, Route } from "../../../worker/config.ts";
import type { Answering } from "../../../worker/consumer.ts";
import { answerRoute } from "../../../worker/gateway.ts";
import { RequestBody } from "../../../worker/request-body.ts";
import { defaultSettings } from "../../../worker/settings.ts";
import type { StreamDescription } from "../../../worker/store.ts";
import { everyCase } from "../cases.ts";
import { goodPairs, goodValue, toHeaders } from "../headers.ts";
import type { Pair } from "../headers.ts";

const route: Route = {
  path: "/api/x",
  methods: ["POST"],
  kind: "response",
  onAbandon: "continue",
  target: { upstream: "https://up.example", region: null, resume: "none", headers: [] },
  maxRequestBytes: 1_000,
  settings: defaultSettings,
};

interface Asked {
  readonly request: Request;
  /** The headers of the stream that was created, or the code of what was thrown. */
  readonly stored: HeaderPairs | string;
}

/** A request that wants no answer, to a gateway that makes one stream. */
async function ask(pairs: readonly Pair[]): Promise<Asked> {
  const created: StreamDescription[] = [];
  const create = async (description: StreamDescription): Promise<boolean> => created.push(description) > 0;
  const request = new Request("https://gateway.example/api/x", { method: "POST", headers: toHeaders([...pairs, ["prefer", "respond-async"]]) });
  const env = { STREAMS: { idFromName: (name: string) => name, get: () => ({ create }) } };
  const parts = { request, env, ctx: { waitUntil: () => undefined }, config: { publicUrl: null } satisfies Partial<Config> };
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a route uses where no answer is wanted
    const response = await answerRoute(parts as unknown as Answering, route);
    expect(response.status).toBe(202);
    return { request, stored: created[0]?.request.headers ?? "nothing was created" };
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    return { request, stored: error.code };
  }
}

const ofTheConnection = new Set(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "forwarded", "prefer", "last-event-id"]);

test("of any headers the stream has those that are not of the connection, as they are, and where they came from", async () => {
  await fc.assert(
    fc.asyncProperty(goodPairs, async (pairs) => {
      const { request, stored } = await ask(pairs);
      const named = new Set((request.headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase()));
      const own = 'for=unknown;host="gateway.example";proto=https';
      const before = request.headers.get("forwarded");
      const kept = [...request.headers].filter(([name]) => !ofTheConnection.has(name) && !named.has(name));
      expect(stored).toEqual([...kept, ["forwarded", before === null ? own : `${before}, ${own}`]]);
    }),
    everyCase,
  );
});

const maxBytes = 20;
const declared = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, fc.nat(2 * maxBytes).map(String), fc.maxSafeNat().map(String), goodValue, fc.constantFrom("-1", "1e9", "0x10", "Infinity", "NaN", "1, 1"));

/** Without any, a piece is what is there already. */
const patienceMs = fc.constantFrom(0, 1_000);

function requestOf(chunks: readonly Uint8Array[], length: string | null): Request {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const bytes of chunks) controller.enqueue(bytes);
      controller.close();
    },
  });
  const headers = length === null ? {} : { "content-length": length };
  return new Request("https://gateway.example/", Object.assign({ method: "POST", headers, body }, { duplex: "half" }));
}

async function readAll(request: Request, waitMs: number): Promise<readonly number[] | string> {
  const taken: number[] = [];
  try {
    const body = new RequestBody(request, maxBytes, "the limit");
    for (;;) {
      const { bytes, part } = await body.next(waitMs);
      taken.push(...bytes);
      if (part === "last") return taken;
    }
  } catch (error) {
    if (error instanceof LongstreamError) return error.code;
    throw error;
  }
}

test("P6: a request's body, however it comes and whatever length it declares, is taken whole, or is too large", async () => {
  const counts = { taken: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 5 }), declared, patienceMs, async (chunks, length, waitMs) => {
      const whole = chunks.flatMap((bytes) => [...bytes]);
      const fits = whole.length <= maxBytes && !(Number(length ?? 0) > maxBytes);
      expect(await readAll(requestOf(chunks, length), waitMs)).toEqual(fits ? whole : "request-too-large");
      counts[fits ? "taken" : "refused"]++;
    }),
    everyCase,
  );
  expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(0);
});
