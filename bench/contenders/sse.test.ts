/** What the load generator finds in an event stream, however its bytes are cut up. */

import { describe, expect, test } from "vitest";
import { byBlock } from "../support/body.ts";
import { toEvent } from "./sse.ts";

const stream = "retry: 5\n\n: a comment\n\ndata: one\nid: s-1\n\ndata:two\n\nevent: done\ndata: {}\n\ndata: dr\u{fc}ben\nid: 4\n\n";
const blocks = ["retry: 5", ": a comment", "data: one\nid: s-1", "data:two", "event: done\ndata: {}", "data: dr\u{fc}ben\nid: 4"];

function cutInto(pieces: readonly Buffer[]): readonly string[] {
  const found: string[] = [];
  const cut = byBlock((block) => found.push(block));
  for (const piece of pieces) cut(piece);
  return found;
}

describe("the blocks of an event stream", () => {
  const bytes = Buffer.from(stream, "utf8");

  test("are the same wherever its bytes are parted in three", () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        expect(cutInto([bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)])).toEqual(blocks);
      }
    }
  });

  test("are the same byte by byte", () => {
    expect(cutInto([...bytes].map((byte) => Buffer.of(byte)))).toEqual(blocks);
  });

  test("are passed on only when they are whole", () => {
    expect(cutInto([Buffer.from("data: one\n\ndata: two\n")])).toEqual(["data: one"]);
  });
});

describe("an event", () => {
  test.each([
    ["data: one\nid: s-1", { name: "", id: "s-1", data: "one", chars: 19 }],
    ["id: 7\ndata:one", { name: "", id: "7", data: "one", chars: 16 }],
    ["data:  two spaces", { name: "", id: "", data: " two spaces", chars: 19 }],
    ["event: control\ndata: {\"a\":1}", { name: "control", id: "", data: "{\"a\":1}", chars: 30 }],
    [": data: none\nretry: 5", { name: "", id: "", data: "", chars: 23 }],
    ["data", { name: "", id: "", data: "", chars: 6 }],
    ["id:\ndata: x", { name: "", id: "", data: "x", chars: 13 }],
  ])("is read from %j", (block, event) => {
    expect(toEvent(block)).toEqual(event);
  });
});
