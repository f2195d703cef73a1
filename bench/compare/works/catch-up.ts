/** Owns the trials catch-up: a reader that comes when everything is there already, and reads it from the start. */

import { insist, median, quantile } from "../../support/figures.ts";
import { Checker, eventBytes, eventOf, eventsOf } from "../contents.ts";
import { busyColumn, lateMaxColumn, loadFigures, watchLoad } from "../load-watch.ts";
import type { Watched } from "../load-watch.ts";
import { Tape } from "../tape.ts";
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

const firstEventSoon: ContendedTrial["targets"] = (results) => {
  const target = atMost(`first event, p50, under ${mostFirstMs} ms`, results.median(ours, "firstMs"), mostFirstMs, "ms");
  const maxMs = results.median(ours, "firstMaxMs");
  return [target.found === null || maxMs === null ? target : { ...target, found: `${target.found}, max ${maxMs.toFixed(1)}` }];
};

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
    // Too few reads for a p99 below their maximum.
    columns: () => [column("firstMs", "first event p50 ms", 1), column("firstMaxMs", "max ms", 1), column("rate", "events/s"), busyColumn, lateMaxColumn],
    rounds,
    limitMs: () => 60_000 + writeLimitMs + readLimitMs * (reads + 1),
    run: async (running, scale) => measure(running, lengthOf(scale), reads),
    targets,
  };
}

async function measure(running: Running, events: number, reads: number): Promise<Outcome> {
  const written = await writeLog(await running.produce(stream), events);
  if (written < events) return { figures: {}, notes: [`wrote ${written} events in ${writeLimitMs / 1_000} s`] };
  const found: ReadWhole[] = [];
  for (let read = 0; read < reads; read++) {
    const one = await readAll(running, events);
    if (one.kind === "overdue") return { figures: {}, notes: [`read ${one.taken} events in ${readLimitMs / 1_000} s`] };
    found.push(one);
  }
  const firstMs = found.map((one) => one.firstMs);
  const rate = median(found.map(({ tookMs }) => (events * 1_000) / tookMs));
  return { figures: { firstMs: median(firstMs), firstMaxMs: quantile(firstMs, 1), rate, ...loadFigures(found.map(({ watched }) => watched)) }, notes: [] };
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

interface ReadWhole {
  readonly kind: "read";
  readonly firstMs: number;
  readonly tookMs: number;
  readonly watched: Watched;
}

/** Bytes and times first; what came is cut up and checked when all of it is there, so that no format is slower for its parsing here. */
async function readAll(running: Running, events: number): Promise<ReadWhole | { readonly kind: "overdue"; readonly taken: number }> {
  const tape = new Tape(eventOf(stream, events));
  let firstAtMs = 0;
  let lastAtMs = 0;
  const checker = new Checker(stream, (n) => {
    if (n === 1) firstAtMs = tape.atMs;
    if (n === events) lastAtMs = tape.atMs;
  });
  const load = watchLoad();
  const beganAtMs = performance.now();
  const reading = await running.read(stream, "start", checker.take, tape.feed);
  try {
    const state = await tape.full(readLimitMs, reading.lost);
    const watched = load.stop();
    tape.play();
    checker.insistRight();
    if (state === "overdue") return { kind: "overdue", taken: checker.taken };
    insist(checker.taken === events, `a reader got ${checker.taken} of ${events} events`);
    return { kind: "read", firstMs: firstAtMs - beganAtMs, tookMs: lastAtMs - beganAtMs, watched };
  } finally {
    reading.drop();
  }
}
