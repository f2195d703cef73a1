/** Owns the tests of how many environments start at a time. */
import { availableParallelism } from "node:os";
import { expect, test, vi } from "vitest";
import { limits } from "./limits.ts";
import { StartGate } from "./start-gate.ts";

const room = limits.startsPerCore * availableParallelism();

test("lets in as many as there is room for, then one for each that leaves, in order", async () => {
  const gate = new StartGate();
  const leaves = await Promise.all(Array.from({ length: room }, () => gate.enter()));
  const entered: string[] = [];
  const first = gate.enter().then(() => entered.push("first"));
  const second = gate.enter().then(() => entered.push("second"));
  leaves[0]?.();
  leaves[0]?.();
  await first;
  expect(entered, "leaving twice makes room once").toEqual(["first"]);
  leaves[1]?.();
  await second;
  expect(entered).toEqual(["first", "second"]);
});

test("one that does not leave makes room after a while", async () => {
  vi.useFakeTimers();
  const gate = new StartGate();
  await Promise.all(Array.from({ length: room }, () => gate.enter()));
  const late = gate.enter();
  await vi.advanceTimersByTimeAsync(limits.startSlotMs);
  await expect(late).resolves.toBeTypeOf("function");
  vi.useRealTimers();
});
