/** Owns the tests of holding a handler to the content length it declared. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import type { ChunkSource } from "./chunks.ts";
import { holdToLength } from "./length.ts";

const encoder = new TextEncoder();
const headOf = (length: string, changed: Partial<ResponseHead> = {}): ResponseHead => ({ status: 200, headers: [["Content-Length", length]], mode: "bytes", ...changed });
const mismatch = (actual: string, declared: string): LongstreamError =>
  new LongstreamError("bad-handler-result", `Cannot stream a body of ${actual}: the handler declared a content-length of ${declared}`);

describe("P3: a body is held to the length it declared", () => {
  test.each<[string, readonly string[], number]>([
    ["5", ["abcde"], 0],
    ["5", ["ab", "cde"], 0],
    ["0", [], 0],
    ["5", ["de"], 3],
    ["5", [], 5],
  ])("%s bytes as %j behind %d are all of it", async (declared, chunks, from) => {
    expect(await drain(holdToLength(headOf(declared), sourceOf(...chunks), from, "GET"))).toEqual({ got: chunks.join(""), thrown: null });
  });

  test.each<[string, string, readonly string[], number, string, string]>([
    ["too many in one chunk", "4", ["abcde"], 0, "", "5 bytes or more"],
    ["too many in the second chunk", "4", ["ab", "cde", "f"], 0, "ab", "5 bytes or more"],
    ["one more behind the declared length", "4", ["abcd", "e"], 0, "", "5 bytes or more"],
    ["one where none was declared", "0", ["a"], 0, "", "1 bytes or more"],
    ["too few", "6", ["ab", "cde"], 0, "abcde", "5 bytes"],
    ["none", "6", [], 0, "", "0 bytes"],
    ["too many behind what is stored", "4", ["de"], 3, "", "5 bytes or more"],
    ["too few behind what is stored", "6", ["de"], 3, "de", "5 bytes"],
    ["none behind what is stored", "6", [], 3, "", "3 bytes"],
  ])("%s are refused, and nothing over the length goes out", async (_, declared, chunks, from, got, actual) => {
    expect(await drain(holdToLength(headOf(declared), sourceOf(...chunks), from, "GET"))).toEqual({ got, thrown: mismatch(actual, declared) });
  });
});

test("P3: a body that breaks behind its declared length is not given whole", async () => {
  const broke = new Error("the handler broke");
  const chunks = sourceOf("ab", "cd");
  const breaking: ChunkSource = {
    next: async () => {
      const step = await chunks.next();
      if (step.done === true) throw broke;
      return step;
    },
    return: async () => undefined,
  };
  expect(await drain(holdToLength(headOf("4"), breaking, 0, "GET"))).toEqual({ got: "ab", thrown: broke });
});

describe("the length that was declared means nothing", () => {
  test.each<[string, ResponseHead, string]>([
    ["in the answer to a HEAD", headOf("5"), "HEAD"],
    ["with 304", headOf("5", { status: 304 }), "GET"],
    ["with 204", headOf("5", { status: 204 }), "GET"],
    ["with 205", headOf("5", { status: 205 }), "GET"],
    ["for events, which get ids", headOf("5", { mode: "events" }), "GET"],
    ["where there is none", headOf("5", { headers: [["content-type", "image/png"]] }), "GET"],
    ["where it is no number", headOf("five"), "GET"],
  ])("%s", async (_, head, method) => {
    expect(await drain(holdToLength(head, sourceOf(), 0, method))).toEqual({ got: "", thrown: null });
    expect(await drain(holdToLength(head, sourceOf("abc"), 0, method))).toEqual({ got: "abc", thrown: null });
  });
});

test("ending a body that is held ends the handler's", async () => {
  const log: string[] = [];
  const source: ChunkSource = { next: async () => ({ done: true, value: undefined }), return: async () => void log.push("ended") };
  await holdToLength(headOf("5"), source, 0, "GET").return();
  expect(log).toEqual(["ended"]);
});

function sourceOf(...chunks: readonly string[]): ChunkSource {
  const payloads = chunks.map((text) => ({ payload: encoder.encode(text), sourceId: null })).values();
  return { next: async () => payloads.next(), return: async () => undefined };
}

async function drain(source: ChunkSource): Promise<{ readonly got: string; readonly thrown: unknown }> {
  let got = "";
  try {
    for (let step = await source.next(); step.done !== true; step = await source.next()) got += new TextDecoder().decode(step.value.payload);
    return { got, thrown: null };
  } catch (thrown) {
    return { got, thrown };
  }
}
