/** Fuzzing of event streams and bodies from outside: handlers' and upstreams', whatever is in them and however they are cut. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LongstreamError } from "../../protocol/errors.ts";
import { limits } from "../../protocol/limits.ts";
import { eventLines } from "../../protocol/sse.ts";
import { byteChunks } from "../../lambda-runtime/chunks.ts";
import type { ChunkSource, Source } from "../../lambda-runtime/chunks.ts";
import { sseChunks } from "../../lambda-runtime/sse-source.ts";
import { eventPieces } from "../../worker/upstream-body.ts";
import { everyCase } from "./cases.ts";
import { cutAnyhow } from "./cuts.ts";
import { outcomeOf } from "./outcome.ts";
import { readAsStandard } from "./standard.ts";
import type { StandardEvent } from "./standard.ts";
import { anyText } from "./text.ts";

const encoder = new TextEncoder();

/** Lines of an event and its id, and then, where one cannot be taken, the error's code. */
type Read = readonly [lines: string, id: string | null] | string;

const lineEnd = fc.constantFrom("\n", "\n", "\r", "\r\n");
const fields = ["data", "data: ", "data:", "data:  ", "event: ", "event: longstream.", "event:", "id: ", "id", "id:", "retry: ", ": "];
const nearly = ["\uFEFFdata: ", "dat", "datas: ", " data: ", ""];
const field = fc.constantFrom(...fields, ...nearly);
const line = fc.tuple(field, fc.oneof(anyText(3), fc.constantFrom("", "a", "7", "é\u{1F4A1}")), lineEnd).map((parts) => parts.join(""));
const blank = fc.array(lineEnd, { minLength: 1, maxLength: 2 }).map((ends) => ends.join(""));
/** Two marks of byte order would be one too many for the standard, and not for every reader. */
const begin = fc.constantFrom("", "", "\uFEFF", ": hi\n", "data: 1\n\n");
const lines = fc.array(fc.oneof({ weight: 2, arbitrary: line }, blank), { maxLength: 12 }).map((some) => some.join("").replace(/^\uFEFF+/, ""));
const text = fc.tuple(begin, lines).map((parts) => parts.join(""));
/** With bytes that are no UTF-8 here and there. */
const stream = fc
  .tuple(text, fc.option(fc.tuple(fc.nat(), fc.uint8Array({ min: 0x80, minLength: 1, maxLength: 3 })), { nil: null, freq: 3 }))
  .map(([whole, wrong]) => withBytes(encoder.encode(whole), wrong));

function withBytes(bytes: Uint8Array, wrong: readonly [at: number, put: Uint8Array] | null): Uint8Array {
  if (wrong === null) return bytes;
  const at = 3 + (wrong[0] % (bytes.length + 1));
  return Uint8Array.from([...bytes.subarray(0, at), ...wrong[1], ...bytes.subarray(at)]);
}

/** What the log is to have of a stream. */
function expectedOf(bytes: Uint8Array, idOf: (event: StandardEvent) => string | null): readonly Read[] {
  const read: Read[] = [];
  for (const event of readAsStandard(bytes)) {
    const outcome = outcomeOf(() => eventLines(event.event, event.data));
    if (outcome.kind === "refused") return [...read, outcome.code];
    read.push([outcome.value, idOf(event)]);
  }
  return read;
}

async function readHandler(chunks: readonly Uint8Array[]): Promise<readonly Read[]> {
  const payloads = chunks.map((payload) => ({ payload, sourceId: null })).values();
  const source = sseChunks({ next: async () => payloads.next(), return: async () => undefined });
  const read: Read[] = [];
  try {
    for (let step = await source.next(); step.done !== true; step = await source.next()) {
      read.push([new TextDecoder("utf-8", { ignoreBOM: true }).decode(step.value.payload), step.value.sourceId]);
    }
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    read.push(error.code);
  }
  return read;
}

test("P2: a handler's event stream is the events that the standard says, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(stream.chain(cutAnyhow), async ({ bytes, cuts }) => {
      const expected = expectedOf(bytes, ({ newId }) => newId);
      expect(await readHandler([bytes])).toEqual(expected);
      expect(await readHandler(cuts)).toEqual(expected);
    }),
    everyCase,
  );
});

function readUpstream(chunks: readonly Uint8Array[]): readonly Read[] {
  const reader = eventPieces("last-event-id", { from: "start" });
  const read: Read[] = [];
  for (const chunk of chunks) {
    const { pieces, failure } = reader(chunk);
    read.push(...pieces.map(({ payload, place }): Read => [new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload), place]));
    if (failure !== null) return [...read, failure.code];
  }
  return read;
}

test("P2: an upstream's event stream is the events that the standard says, however it is cut", () => {
  fc.assert(
    fc.property(stream.chain(cutAnyhow), ({ bytes, cuts }) => {
      const expected = expectedOf(bytes, ({ ownId }) => ownId ?? "");
      expect(readUpstream([bytes])).toEqual(expected);
      expect(readUpstream(cuts)).toEqual(expected);
    }),
    everyCase,
  );
});

/** A chunk as it is given, and its bytes; null for what is neither bytes nor text. */
type Given = readonly [chunk: unknown, bytes: Uint8Array | null];

const small = fc.uint8Array({ maxLength: 20 });
const large = fc.integer({ min: 1, max: 2 }).map((frames) => new Uint8Array(frames * limits.frameBytes + 1).fill(frames));
const chunk: fc.Arbitrary<Given> = fc.oneof(
  { weight: 20, arbitrary: small.map((bytes): Given => [bytes, bytes]) },
  { weight: 20, arbitrary: small.map((bytes): Given => [Uint8Array.from(bytes).buffer, bytes]) },
  { weight: 20, arbitrary: anyText(6).map((chars): Given => [chars, encoder.encode(chars)]) },
  { weight: 1, arbitrary: large.map((bytes): Given => [bytes, bytes]) },
  { weight: 2, arbitrary: fc.constantFrom(7, null, {}, ["a"]).map((wrong): Given => [wrong, null]) },
);

test("P2: a body is its bytes, whatever it is given in, up to what is neither bytes nor text", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), async (body) => {
      const { payloads, code } = await drain(byteChunks(sourceOf(body.map(([given]) => given))));
      const wrong = body.findIndex(([, bytes]) => bytes === null);
      const whole = body.slice(0, wrong === -1 ? undefined : wrong).map(([, bytes]) => bytes ?? new Uint8Array(0));
      expect(Buffer.compare(Buffer.concat(payloads), Buffer.concat(whole))).toBe(0);
      expect(code).toBe(wrong === -1 ? null : "bad-handler-result");
      expect(payloads.every(({ length }) => length > 0 && length <= limits.frameBytes)).toBe(true);
    }),
    everyCase,
  );
});

function sourceOf(chunks: readonly unknown[]): Source<unknown> {
  const values = chunks.values();
  return { next: async () => values.next(), return: async () => undefined };
}

async function drain(chunks: ChunkSource): Promise<{ readonly payloads: readonly Uint8Array[]; readonly code: string | null }> {
  const payloads: Uint8Array[] = [];
  try {
    for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) payloads.push(step.value.payload);
    return { payloads, code: null };
  } catch (error) {
    if (error instanceof LongstreamError) return { payloads, code: error.code };
    throw error;
  }
}
