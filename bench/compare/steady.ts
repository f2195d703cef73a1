/** Owns the measuring of a steady load on a crowd of readers, whichever streams they read. */

import type { Running } from "../contenders/contender.ts";
import { quantile } from "../support/figures.ts";
import { Overdue } from "./contents.ts";
import type { Checker } from "./contents.ts";
import { busyColumn, lateP99Column, loadFigures, watchLoad } from "./load-watch.ts";
import type { Pace } from "./pace.ts";
import type { Results } from "./results.ts";
import type { Scale } from "./scale.ts";
import { aside, atMost, column, ours } from "./trial.ts";
import type { Column, Figures, Outcome, Target } from "./trial.ts";
import { cpuMsOf, memoryOf } from "./usage.ts";

/** Twenty events a second, about what a fast model says. */
export const everyMs = 50;
const warmMs = 2_000;
/** How long after the last event was due all may take to be written and read. */
const restLimitMs = 30_000;

/** To open so many streams, or readers, takes most of the time. */
const openingLimitMs = 100;
const mostRounds = 2;
const mostP99Ms = 250;

/** What a round may take, with the opening of so many streams or readers. */
export function steadyLimitMs(count: number, pacedMs: number): number {
  return count * openingLimitMs + 60_000 + warmMs + pacedMs + restLimitMs;
}

export function steadyRounds({ rounds }: Scale): number {
  return Math.min(rounds, mostRounds);
}

export function p99Target(results: Results): Target {
  return atMost(`p99 under ${mostP99Ms} ms`, results.median(ours, "p99Ms"), mostP99Ms, "ms");
}

export function steadyColumns(unit: string): readonly Column[] {
  return [
    column("p50Ms", "p50 ms", 1),
    column("p99Ms", "p99 ms", 1),
    column("cpuUs", "CPU us/delivery", 1),
    column("kilobytes", `KB/${unit}`),
    aside("cores", "cores used", 2),
    aside("restMs", "behind at the end ms"),
    busyColumn,
    lateP99Column,
  ];
}

/** Takes the latency of each event behind the first seconds, in which the contender's code is still being compiled. */
export class Latencies {
  readonly #firstCountedN: number;
  readonly valuesMs: number[] = [];

  constructor(firstN: number) {
    this.#firstCountedN = firstN + Math.ceil(warmMs / everyMs);
  }

  note(n: number, dueAtMs: number): void {
    if (n >= this.#firstCountedN) this.valuesMs.push(performance.now() - dueAtMs);
  }
}

export interface SteadyLoad {
  readonly pace: Pace;
  readonly firstN: number;
  /** Each gets every event of its stream. */
  readonly checkers: readonly Checker[];
  readonly latencies: Latencies;
  /** Memory before the first stream was opened. */
  readonly emptyBytes: number;
}

/** A contender that falls behind for good has no figures: whatever its latencies were, they were growing. */
export async function measureSteady(running: Running, load: SteadyLoad, pacedMs: number): Promise<Outcome> {
  try {
    return { figures: await measure(running, load, pacedMs), notes: [] };
  } catch (error) {
    if (!(error instanceof Overdue)) throw error;
    const taken = load.checkers.reduce((sum, checker) => sum + checker.taken, 0);
    const due = load.checkers.length * Math.floor((warmMs + pacedMs) / everyMs);
    return { figures: {}, notes: [`fell behind: ${restLimitMs / 1_000} s after the last event was due, ${Math.floor((taken * 100) / due)} % of them had been read`] };
  }
}

export interface Rest {
  readonly pace: Pick<Pace, "flushed">;
  readonly checkers: readonly Checker[];
  readonly lastN: number;
  readonly deadlineAtMs: number;
}

/**
 * Until all is written and read, by one deadline: a contender that holds its producers up has fallen behind as one that holds events
 * back. @throws Overdue past it.
 */
export async function awaitRest({ pace, checkers, lastN, deadlineAtMs }: Rest): Promise<void> {
  const leftMs = Math.max(0, deadlineAtMs - performance.now());
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Overdue("Cannot report: not all was written in time")), leftMs);
  try {
    const read = checkers.map(async (checker) => checker.until(lastN, leftMs));
    await Promise.race([overdue, Promise.all([pace.flushed(), ...read])]);
  } finally {
    clearTimeout(timer);
  }
}

async function measure(running: Running, load: SteadyLoad, pacedMs: number): Promise<Figures> {
  const { pace, firstN, checkers, latencies, emptyBytes } = load;
  const cpuBeforeMs = cpuMsOf(running.pids);
  const watch = watchLoad();
  const beganAtMs = performance.now();
  const lastN = await pace.run(warmMs + pacedMs);
  await awaitRest({ pace, checkers, lastN, deadlineAtMs: beganAtMs + warmMs + pacedMs + restLimitMs });
  const tookMs = performance.now() - beganAtMs;
  const watched = watch.stop();
  const cpuMs = cpuMsOf(running.pids) - cpuBeforeMs;
  return {
    p50Ms: quantile(latencies.valuesMs, 0.5),
    p99Ms: quantile(latencies.valuesMs, 0.99),
    cpuUs: (cpuMs * 1_000) / (checkers.length * (lastN - firstN + 1)),
    kilobytes: (memoryOf(running.pids).pssBytes - emptyBytes) / checkers.length / 1_000,
    cores: cpuMs / tookMs,
    restMs: Math.max(0, tookMs - (warmMs + pacedMs)),
    ...loadFigures([watched]),
  };
}
