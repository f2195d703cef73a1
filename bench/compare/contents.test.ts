/** The checks that stand before every figure: what is wrong with a reader's events must not pass. */

import { describe, expect, test } from "vitest";
import { Checker, Overdue, eventBytes, eventOf, eventsOf } from "./contents.ts";

const stream = "s-1";
const right = eventsOf(stream, 1, 4);
const [first = "", second = "", third = "", fourth = ""] = right;

function checkerOf(events: readonly string[]): Checker {
  const checker = new Checker(stream);
  for (const event of events) checker.take(event);
  return checker;
}

describe("the events of the load", () => {
  test.each([1, 25, 26, 27, 99_999, 1_000_000])("event %i has its length, and no other event's text", (n) => {
    expect(eventOf(stream, n)).toHaveLength(eventBytes);
    expect(eventOf(stream, n)).not.toBe(eventOf(stream, n + 1));
    expect(eventOf(stream, n)).not.toBe(eventOf("s-2", n));
    expect(eventOf(stream, n)).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe("a checker", () => {
  test("takes every event once and in order", async () => {
    const seen: number[] = [];
    const checker = new Checker(stream, (n) => seen.push(n));
    for (const event of right) checker.take(event);
    await checker.until(right.length);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(checker.taken).toBe(4);
  });

  test.each([
    ["lost", [first, third, fourth]],
    ["doubled", [first, second, second, third, fourth]],
    ["out of turn", [first, third, second, fourth]],
    ["altered", [first, second, `${third.slice(0, -1)}!`, fourth]],
    ["cut off", [first, second, third.slice(0, -1), fourth]],
    ["of another stream", [first, eventOf("s-2", 2), third, fourth]],
    ["the end again from the start", [...right, first]],
  ])("finds an event that is %s", async (_what, events) => {
    const checker = checkerOf(events);
    await expect(checker.until(right.length)).rejects.toThrow(/where event \d was next/);
    expect(() => checker.insistRight()).toThrow("Cannot report");
  });

  test("tells who waits as soon as an event is wrong", async () => {
    const checker = checkerOf([first]);
    const waiting = checker.until(3);
    checker.take(third);
    await expect(waiting).rejects.toThrow("where event 2 was next");
  });

  test("calls what does not come in time overdue, and says how far it got", async () => {
    const waiting = checkerOf([first, second]).until(3, 1);
    await expect(waiting).rejects.toBeInstanceOf(Overdue);
    await expect(waiting).rejects.toThrow("has 2 of 3 events");
  });

  test("counts nothing behind an event that was wrong", () => {
    expect(checkerOf([first, third, second]).taken).toBe(1);
  });
});
