/** Owns watching the load generator itself: how busy it is, and how late its own event loop comes. */

import { quantile } from "../support/figures.ts";
import { aside } from "./trial.ts";
import type { Column } from "./trial.ts";

/** What was seen from a start to its stop. */
export interface Watched {
  /** CPU time of all threads. */
  readonly busyMs: number;
  readonly lastedMs: number;
  readonly lateMs: readonly number[];
}

/** By the keys of the columns below. */
export interface LoadFigures {
  /** Share of one core, in percent. */
  readonly busy: number;
  readonly lateP99Ms: number;
  readonly lateMaxMs: number;
}

export const busyColumn: Column = aside("busy", "generator busy %");
/** Beside a p99 of latencies. */
export const lateP99Column: Column = aside("lateP99Ms", "generator late p99 ms", 1);
/** Beside a maximum of latencies. */
export const lateMaxColumn: Column = aside("lateMaxMs", "generator late max ms", 1);

const everyMs = 5;

/** A figure of a contender is worth nothing where its generator was late by as much. */
export function watchLoad(): { stop(): Watched } {
  const beganAtMs = performance.now();
  const usedBefore = process.cpuUsage();
  const lateMs: number[] = [];
  let dueAtMs = beganAtMs + everyMs;
  const look = (): void => {
    const nowMs = performance.now();
    lateMs.push(Math.max(0, nowMs - dueAtMs));
    dueAtMs = nowMs + everyMs;
  };
  const timer = setInterval(look, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      // It may be late just now.
      look();
      const used = process.cpuUsage(usedBefore);
      return { busyMs: (used.user + used.system) / 1_000, lastedMs: performance.now() - beganAtMs, lateMs };
    },
  };
}

export function loadFigures(watched: readonly Watched[]): LoadFigures {
  const lateMs = watched.flatMap((each) => each.lateMs);
  const busyMs = watched.reduce((sum, each) => sum + each.busyMs, 0);
  const lastedMs = watched.reduce((sum, each) => sum + each.lastedMs, 0);
  return { busy: (busyMs * 100) / lastedMs, lateP99Ms: quantile(lateMs, 0.99), lateMaxMs: quantile(lateMs, 1) };
}
