/** The one deadline of a steady load: for events that are not written in time, and for those that are not read. */

import { describe, expect, test } from "vitest";
import type { Producing } from "../contenders/contender.ts";
import { Checker, Overdue, eventsOf } from "./contents.ts";
import { Pace } from "./pace.ts";
import { awaitRest } from "./steady.ts";

const stream = "s-0";
const limitMs = 60;
const firstN = 1;

/** What `write` gets, the checker takes as if it had been read. */
async function rest(checker: Checker, write: Producing["write"]): Promise<void> {
  const pace = new Pace([{ stream, producing: { write, settled: async () => undefined } }], { everyMs: 5, firstN });
  const lastN = await pace.run(20);
  await awaitRest({ pace, checkers: [checker], lastN, deadlineAtMs: performance.now() + limitMs });
}

async function never(): Promise<void> {
  return new Promise(() => undefined);
}

describe("a steady load", () => {
  test("has no rest where all is written and read", async () => {
    const checker = new Checker(stream);
    await rest(checker, async (events) => events.forEach(checker.take));
    expect(checker.taken).toBe(4);
  });

  test("is overdue where its events are not taken", async () => {
    await expect(rest(new Checker(stream), never)).rejects.toBeInstanceOf(Overdue);
  });

  test("is overdue where its events are read and never said to be taken", async () => {
    const checker = new Checker(stream);
    for (const event of eventsOf(stream, firstN, 4)) checker.take(event);
    await expect(rest(checker, never)).rejects.toBeInstanceOf(Overdue);
  });

  test("is overdue where its events are taken and not read", async () => {
    await expect(rest(new Checker(stream), async () => undefined)).rejects.toBeInstanceOf(Overdue);
  });

  test("tells of a write that failed", async () => {
    await expect(rest(new Checker(stream), async () => Promise.reject(new Error("the socket closed")))).rejects.toThrow("the socket closed");
  });
});
