/** Owns measuring how long a cancel takes to its answer, and to the signal of the handler. */

import { setTimeout as sleep } from "node:timers/promises";
import { openBody } from "../support/body.ts";
import { insist, row, spread } from "../support/figures.ts";
import type { Bench } from "./bench.ts";

const streams = 200;
/** Running side by side when one of them is cancelled. */
const sideBySide = 10;
const recordLimitMs = 10_000;

interface Cancelled {
  readonly id: string;
  readonly sentAtMs: number;
  readonly answeredMs: number;
}

export async function measureCancel(bench: Bench): Promise<void> {
  const total = Math.max(sideBySide, Math.ceil(streams / bench.shrink));
  const cancelled: Cancelled[] = [];
  while (cancelled.length < total) {
    const ids = await Promise.all(Array.from({ length: sideBySide }, async () => openRunning(bench)));
    for (const id of ids) cancelled.push(await cancel(bench, id));
  }
  const abortedAt = await waitForAborts(bench, cancelled.length);
  const signalMs = cancelled.map(({ id, sentAtMs }) => (abortedAt.get(id) ?? Number.NaN) - sentAtMs);
  insist(signalMs.every((ms) => ms > 0), "a signal did not fire, or fired before its cancel");
  row("POST to its answer", ...spread(cancelled.map(({ answeredMs }) => answeredMs)));
  row("POST to the handler's signal", ...spread(signalMs));
}

/** A stream whose handler runs: its first event is there. */
async function openRunning({ stack }: Bench): Promise<string> {
  const body = await openBody(new URL("/cancellable", stack.worker.url), { events: true });
  for await (const chunk of body) if (String(chunk).includes("data: waiting")) break;
  body.destroy();
  return String(body.headers["stream-id"]);
}

async function cancel({ stack }: Bench, id: string): Promise<Cancelled> {
  const beganAt = performance.now();
  const response = await fetch(new URL(`/streams/${id}/cancel`, stack.worker.url), { method: "POST" });
  const status: unknown = await response.json();
  const answeredMs = performance.now() - beganAt;
  insist(typeof status === "object" && status !== null && "outcome" in status && status.outcome === "cancelled", "a cancel was not answered with its outcome");
  return { id, sentAtMs: performance.timeOrigin + beganAt, answeredMs };
}

async function waitForAborts({ records }: Bench, count: number): Promise<ReadonlyMap<string, number>> {
  const limitAt = Date.now() + recordLimitMs;
  for (;;) {
    const found = new Map<string, number>();
    for (const entry of await records()) {
      if (typeof entry === "object" && entry !== null && "stream" in entry && "abortedAtMs" in entry) found.set(String(entry.stream), Number(entry.abortedAtMs));
    }
    if (found.size >= count) return found;
    insist(Date.now() < limitAt, `${count - found.size} signals did not fire within ${recordLimitMs} ms`);
    await sleep(50);
  }
}
