/** What is kept for later must be all that came, and be found complete at the right piece. */

import { expect, test } from "vitest";
import { byBlock } from "../support/body.ts";
import { Tape } from "./tape.ts";

const stream = Buffer.from(": hello\n\ndata: one\nid: 1\n\ndata: two\nid: 2\n\ndata: three\nid: 3\n\n: later\n\n");
const wanted = [": hello", "data: one\nid: 1", "data: two\nid: 2", "data: three\nid: 3"];
/** Where the last event is there as a whole. */
const end = stream.indexOf(": later");
const limitMs = 5;
const never = new Promise<never>(() => undefined);

async function play(pieces: readonly Buffer[]): Promise<{ readonly state: string; readonly blocks: readonly string[] }> {
  const blocks: string[] = [];
  const tape = new Tape("three");
  const parse = byBlock((block) => blocks.push(block));
  for (const piece of pieces) tape.feed(piece, parse);
  const state = await tape.full(limitMs, never);
  expect(blocks).toEqual([]);
  tape.play();
  return { state, blocks };
}

test("a tape is full with the blank line behind its last event, wherever its bytes are parted", async () => {
  for (let first = 0; first <= end; first++) {
    for (let second = first; second <= end; second++) {
      const { state, blocks } = await play([stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second, end)]);
      expect([state, blocks]).toEqual(["full", wanted]);
    }
  }
});

test("a tape is full when its bytes come one by one", async () => {
  expect(await play([...stream].map((byte) => Buffer.of(byte)))).toEqual({ state: "full", blocks: [...wanted, ": later"] });
});

test.each([1, 2, 9, 19])("a tape that lacks %i of its last bytes is overdue, and plays what it has", async (missing) => {
  expect(await play([stream.subarray(0, end - missing)])).toEqual({ state: "overdue", blocks: wanted.slice(0, 3) });
});

test("a tape tells of a lost connection at once", async () => {
  await expect(new Tape("three").full(60_000, Promise.reject(new Error("the connection is closed")))).rejects.toThrow("closed");
});

test("a tape tells when the piece came that is played", async () => {
  const tape = new Tape("three");
  const heardMs: number[] = [];
  const parse = (): unknown => heardMs.push(tape.atMs);
  const beforeMs = performance.now();
  tape.feed(stream.subarray(0, 9), parse);
  const betweenMs = performance.now();
  tape.feed(stream.subarray(9), parse);
  await tape.full(limitMs, never);
  tape.play();
  const [first = 0, second = 0] = heardMs;
  expect(first).toBeGreaterThanOrEqual(beforeMs);
  expect(first).toBeLessThanOrEqual(betweenMs);
  expect(second).toBeGreaterThanOrEqual(betweenMs);
});
