/** Owns the tests of response heads, over every split of the bytes. */

import { expect, test } from "vitest";
import { PreludeReader, readHead } from "./prelude.ts";

const prelude = '{"statusCode":404,"headers":{"X-A":"1","Transfer-Encoding":"chunked"},"cookies":["a=1","b=2"]}';
const head = { status: 404, headers: [["X-A", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] };

test("a prelude ends at the first 8 NULs, however it is cut", () => {
  const bytes = Buffer.from(`${prelude}\0\0\0\0\0\0\0\0\0body`);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const reader = new PreludeReader(16_384);
    const first = reader.push(bytes.subarray(0, cut));
    const done = first.type === "more" ? reader.push(bytes.subarray(cut)) : first;
    const rest = bytes.subarray(bytes.length - "\0body".length, first.type === "more" ? undefined : cut);
    expect(done).toEqual({ type: "head", head, rest });
  }
});

test("a prelude may be as long as it may be and no longer, however it is cut", () => {
  for (const [spaces, expected] of [[14, "head"], [15, "broken"]] as const) {
    const bytes = Buffer.from(`{}${" ".repeat(spaces)}\0\0\0\0\0\0\0\0body`);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new PreludeReader(16);
      const first = reader.push(bytes.subarray(0, cut));
      expect((first.type === "more" ? reader.push(bytes.subarray(cut)) : first).type).toBe(expected);
    }
  }
});

test.each([
  ["no JSON", "hello\0\0\0\0\0\0\0\0"],
  ["a list", "[]\0\0\0\0\0\0\0\0"],
  ["a status that is text", '{"statusCode":"201"}\0\0\0\0\0\0\0\0'],
  ["a status that is none", '{"statusCode":99}\0\0\0\0\0\0\0\0'],
  ["endless", "x".repeat(20_000)],
])("a prelude that is %s is broken", (_, text) => {
  expect(new PreludeReader(16_384).push(Buffer.from(text))).toEqual({ type: "broken" });
});

test("a head without anything is 200", () => {
  expect(readHead({})).toEqual({ status: 200, headers: [] });
  expect(readHead({ statusCode: 204, headers: { a: 1, b: true, c: ["x"] }, cookies: "no" })).toEqual({ status: 204, headers: [["a", "1"], ["b", "true"]] });
});
