/** Owns watching the load generator itself: how busy it is, and how late its own event loop comes. */

import { quantile } from "../support/figures.ts";

export interface LoadFigures {
  /** Share of one core, in percent. */
  readonly busyPercent: number;
  readonly lateP99Ms: number;
}

const everyMs = 5;

/** A figure of a contender is worth nothing where its generator was late by as much. */
export function watchLoad(): { stop(): LoadFigures } {
  const beganAt = performance.now();
  const usedBefore = process.cpuUsage();
  const lateMs: number[] = [];
  let dueAt = beganAt + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    lateMs.push(Math.max(0, now - dueAt));
    dueAt = now + everyMs;
  }, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      const used = process.cpuUsage(usedBefore);
      const busyMs = (used.user + used.system) / 1_000;
      return { busyPercent: (busyMs * 100) / (performance.now() - beganAt), lateP99Ms: lateMs.length === 0 ? 0 : quantile(lateMs, 0.99) };
    },
  };
}
