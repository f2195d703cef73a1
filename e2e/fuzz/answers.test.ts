/** Fuzzing of what a function answers: events, heads, preludes, whatever they are and however they are cut. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeDataFrame, encodeDataFrame } from "../../protocol/data-frame.ts";
import { LongstreamError, describe as textOf } from "../../protocol/errors.ts";
import { emptyDigest } from "../../protocol/hash.ts";
import { limits } from "../../protocol/limits.ts";
import { encodeMessage, parseToObject } from "../../protocol/producer-messages.ts";
import { eventLines } from "../../protocol/sse.ts";
import { toAnswer } from "../../lambda-runtime/answer.ts";
import { encodeEvent } from "../../lambda-runtime/events.ts";
import { PreludeReader, preludeContentType, readHead, withContentType } from "../../lambda-runtime/prelude.ts";
import { AnswerStream } from "../../lambda-runtime/response-stream.ts";
import { bodilessStatuses, checkHead } from "../../worker/head.ts";
import { everyCase } from "./cases.ts";
import { cutAnyhow } from "./cuts.ts";
import { damagedText } from "./damage.ts";
import { goodPairs, isHeader, toHeaders } from "./headers.ts";
import type { Pair } from "./headers.ts";
import { fuzz, outcomeOf } from "./outcome.ts";
import { anyText, overTheWire } from "./text.ts";

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withObjectString: true, withTypedArray: true });

describe("whatever a handler", () => {
  test("yields is an event of the log, or refused by name", () => {
    const event = fc.record({ event: fc.oneof(anyText(4), anything), data: fc.oneof(anyText(8), anything), id: fc.oneof(anyText(4), anything) }, { requiredKeys: [] });
    const rarer = fuzz(fc.oneof({ weight: 3, arbitrary: event }, anyText(8), anything), encodeEvent, (outcome, yielded) => {
      if (outcome.kind === "refused") {
        expect(["bad-event", "event-too-large"]).toContain(outcome.code);
        return;
      }
      const { payload, sourceId } = outcome.value;
      const frame = decodeDataFrame(encodeDataFrame({ firstSeq: 1, digest: emptyDigest, sourceId: sourceId ?? "", payloads: [payload] }), "events");
      expect(frame.payloads).toEqual([payload]);
      expect(Buffer.from(payload).toString()).toBe(overTheWire(linesOf(yielded)));
    });
    expect(rarer).toBeGreaterThan(0);
  });

  test("returns is an answer, or refused by name", () => {
    const rarer = fuzz(anything, toAnswer, (outcome) => {
      if (outcome.kind === "refused") expect(outcome.code).toBe("bad-handler-result");
    });
    expect(rarer).toBeGreaterThan(0);
  });

  test("throws has a text of bounded length", () => {
    fc.assert(
      fc.property(anything, (thrown) => {
        expect(textOf(thrown).length).toBeLessThanOrEqual(limits.maxErrorChars);
      }),
      everyCase,
    );
  });

  test("answers with, its status and headers reach the gateway as they are, and are taken there", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 200, max: 599 }), goodPairs, async (status, pairs) => {
        const response = new Response(bodilessStatuses.has(status) ? null : "x", { status, headers: toHeaders(pairs) });
        const head = await toAnswer(response).head();
        expect([head.status, head.headers]).toEqual([status, [...response.headers]]);
        expect(parseToObject(encodeMessage({ type: "head", ...head }))).toEqual({ type: "head", ...head });
        expect(() => checkHead(head, null, "response")).not.toThrow();
      }),
      everyCase,
    );
  });
});

/** Of a text, or of an object whose data is text or has JSON. */
function linesOf(yielded: unknown): string {
  if (typeof yielded === "string") return eventLines(undefined, yielded);
  const fields: ReadonlyMap<string, unknown> = new Map(typeof yielded === "object" && yielded !== null ? Object.entries(yielded) : []);
  const [event, data] = [fields.get("event"), fields.get("data")];
  const text: unknown = typeof data === "string" ? data : JSON.stringify(data);
  expect([typeof text, event === undefined || typeof event === "string"]).toEqual(["string", true]);
  return eventLines(typeof event === "string" ? event : undefined, String(text));
}

const json = fc.record(
  {
    statusCode: fc.oneof({ weight: 2, arbitrary: fc.integer({ min: 200, max: 599 }) }, fc.constantFrom(0, 199, 200.5, 600, "200"), fc.jsonValue({ maxDepth: 1 })),
    headers: fc.oneof(fc.dictionary(anyText(4), fc.jsonValue({ maxDepth: 1 })), fc.jsonValue({ maxDepth: 1 })),
    cookies: fc.oneof(fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }), fc.jsonValue({ maxDepth: 1 })),
  },
  { requiredKeys: [] },
);

test("a prelude, whatever it is, is the same head and rest however it is cut, or broken however it is cut", () => {
  const maxBytes = 60;
  const text = fc.oneof(json.map((value) => JSON.stringify(value)), damagedText(json.map((value) => JSON.stringify(value)), anyText(1)), anyText(80));
  const stream = fc.tuple(text, fc.nat(17), anyText(20)).map(([head, nuls, rest]) => Buffer.from(head + "\0".repeat(nuls) + rest));
  const seen = new Set<string>();
  fc.assert(
    fc.property(stream.chain(cutAnyhow), ({ bytes, cuts }) => {
      const whole = readPrelude([bytes], maxBytes);
      expect(readPrelude(cuts, maxBytes)).toEqual(whole);
      seen.add(whole.type);
      if (whole.type === "head") expect(whole.status).toBeGreaterThanOrEqual(200);
    }),
    everyCase,
  );
  expect([...seen].toSorted()).toEqual(["broken", "head", "more"]);
});

test("a response that begins with a prelude is its status, headers and body however it is written, or refused by name", async () => {
  const counts = { read: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(json, goodPairs, fc.uint8Array({ maxLength: 20 }).chain(cutAnyhow), async (value, pairs, { bytes, cuts }) => {
      const own = { ...value, ...(pairs.length === 0 ? {} : { headers: Object.fromEntries(pairs) }) };
      const expected = readHead(own);
      const sent = expected === undefined ? [] : withContentType(expected, "application/octet-stream").headers;
      const written = await writeAndRead([Buffer.from(`${JSON.stringify(own)}\0\0\0\0\0\0\0\0`), ...cuts]);
      counts[typeof written === "string" ? "refused" : "read"]++;
      if (typeof written === "string") expect(written).toBe("bad-handler-result");
      else expect(written).toEqual({ status: expected?.status, headers: [...new Headers(toHeaders(sent))], body: bodilessStatuses.has(written.status) ? "" : Buffer.from(bytes).toString("hex") });
      expect(typeof written === "string").toBe(expected === undefined || !sent.every(isHeader));
    }),
    everyCase,
  );
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(0);
});

/** What a client gets of it, or the error's code. */
async function writeAndRead(chunks: readonly Uint8Array[]): Promise<{ readonly status: number; readonly headers: readonly Pair[]; readonly body: string } | string> {
  const stream = new AnswerStream(undefined);
  stream.setContentType(preludeContentType);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  try {
    const response = await stream.response();
    return { status: response.status, headers: [...response.headers], body: Buffer.from(await response.arrayBuffer()).toString("hex") };
  } catch (error) {
    if (error instanceof LongstreamError) return error.code;
    throw error;
  }
}

interface Prelude {
  readonly type: "more" | "broken" | "head";
  readonly status: number;
  readonly headers: unknown;
  /** What is behind the head, in whichever chunk it came. */
  readonly rest: string;
}

function readPrelude(chunks: readonly Uint8Array[], maxBytes: number): Prelude {
  const reader = new PreludeReader(maxBytes);
  for (const [index, chunk] of chunks.entries()) {
    const outcome = outcomeOf(() => reader.push(chunk));
    if (outcome.kind === "refused" || outcome.value.type === "broken") return { type: "broken", status: 0, headers: [], rest: "" };
    if (outcome.value.type === "head") {
      const { head, rest } = outcome.value;
      return { type: "head", ...head, rest: Buffer.concat([rest, ...chunks.slice(index + 1)]).toString("hex") };
    }
  }
  return { type: "more", status: 0, headers: [], rest: "" };
}

test("a buffered head, whatever it is, has a status of HTTP and headers of text, or is none", () => {
  fc.assert(
    fc.property(fc.oneof(json, anything), (value) => {
      const head = readHead(value);
      if (head === undefined) return;
      expect([head.status >= 200, head.status <= 599, Number.isInteger(head.status)]).toEqual([true, true, true]);
      expect(head.headers.flat().every((part) => typeof part === "string")).toBe(true);
    }),
    everyCase,
  );
});
