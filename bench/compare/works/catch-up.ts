/** Owns the trials catch-up: a reader that comes when everything is there already, and reads it from the start. */

import { median, quantile } from "../../support/figures.ts";
import { Checker, Overdue, eventBytes, eventsOf } from "../contents.ts";
import { atLeast, atMost, column, ours } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import type { Producing, Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

const stream = "log";
const batchEvents = 100;
const writeLimitMs = 40_000;
const readLimitMs = 20_000;
const mostFirstMs = 20;

interface Length {
  readonly name: string;
  readonly eventsOf: (scale: Scale) => number;
  readonly rounds: (scale: Scale) => number;
  /** One after the other, each on a connection of its own. */
  readonly reads: number;
  readonly targets: ContendedTrial["targets"];
}

const firstEventSoon: ContendedTrial["targets"] = (results) => [
  atMost(`first event, p50, under ${mostFirstMs} ms`, results.median(ours, "firstMs"), mostFirstMs, "ms"),
];

export const catchUp = ofLength({
  name: "catch-up",
  eventsOf: ({ shortEvents }) => shortEvents,
  rounds: ({ rounds }) => rounds,
  reads: 20,
  targets: (results, scale) => {
    const own = results.median(ours, "rate");
    const nchans = results.median("nchan", "rate");
    return [...firstEventSoon(results, scale), atLeast("faster than nchan", own === null || nchans === null ? null : own / nchans, 1, "times", 2)];
  },
});

/** Once: what takes as long as this is little disturbed by a busy moment. */
export const catchUpLong = ofLength({
  name: "catch-up-long",
  eventsOf: ({ longEvents }) => longEvents,
  rounds: ({ longEvents }) => (longEvents === 0 ? 0 : 1),
  reads: 3,
  targets: firstEventSoon,
});

function ofLength({ name, eventsOf: lengthOf, rounds, reads, targets }: Length): ContendedTrial {
  return {
    kind: "contended",
    name,
    work: "catch-up",
    does: (scale) => `${lengthOf(scale)} events of ${eventBytes} bytes, read from the start ${reads} times, one reader at a time`,
    columns: () => [column("firstMs", "first event p50 ms", 1), column("firstP99Ms", "p99 ms", 1), column("rate", "events/s")],
    rounds,
    limitMs: () => 60_000 + writeLimitMs + readLimitMs * (reads + 1),
    run: async (running, scale) => measure(running, lengthOf(scale), reads),
    targets,
  };
}

async function measure(running: Running, events: number, reads: number): Promise<Outcome> {
  const written = await writeLog(await running.produce(stream), events);
  if (written < events) return { figures: {}, notes: [`wrote ${written} events in ${writeLimitMs / 1_000} s`] };
  const firstMs: number[] = [];
  const rates: number[] = [];
  for (let read = 0; read < reads; read++) {
    const found = await readAll(running, events);
    if (found.kind === "overdue") return { figures: {}, notes: [`read ${found.taken} events in ${readLimitMs / 1_000} s`] };
    firstMs.push(found.firstMs);
    rates.push((events * 1_000) / found.tookMs);
  }
  return { figures: { firstMs: median(firstMs), firstP99Ms: quantile(firstMs, 0.99), rate: median(rates) }, notes: [] };
}

/** @returns how many were written in time. */
async function writeLog(producing: Producing, events: number): Promise<number> {
  const endAtMs = performance.now() + writeLimitMs;
  for (let n = 1; n <= events; n += batchEvents) {
    if (performance.now() > endAtMs) return n - 1;
    await producing.write(eventsOf(stream, n, Math.min(batchEvents, events - n + 1)));
  }
  await producing.settled();
  return events;
}

type Read = { readonly kind: "read"; readonly firstMs: number; readonly tookMs: number } | { readonly kind: "overdue"; readonly taken: number };

async function readAll(running: Running, events: number): Promise<Read> {
  let firstAtMs = 0;
  const checker = new Checker(stream, (n) => {
    if (n === 1) firstAtMs = performance.now();
  });
  const beganAtMs = performance.now();
  const reading = await running.read(stream, "start", checker.take);
  try {
    await checker.until(events, readLimitMs);
    return { kind: "read", firstMs: firstAtMs - beganAtMs, tookMs: performance.now() - beganAtMs };
  } catch (error) {
    if (error instanceof Overdue) return { kind: "overdue", taken: checker.taken };
    throw error;
  } finally {
    reading.drop();
  }
}
