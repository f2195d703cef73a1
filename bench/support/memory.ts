/** Owns watching the resident memory of a process. */

import { readFileSync } from "node:fs";

export interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
}

export interface MemoryWatch {
  readonly samples: readonly Sample[];
  stop(): readonly Sample[];
}

export function rssOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

/** The pid is asked for anew each time: a process may be restarted. */
export function watchMemory(pid: () => number, everyMs = 200): MemoryWatch {
  const samples: Sample[] = [];
  const timer = setInterval(() => samples.push({ atMs: performance.now(), rssBytes: rssOf(pid()) }), everyMs);
  return {
    samples,
    stop: () => {
      clearInterval(timer);
      return samples;
    },
  };
}

export function mostOf(samples: readonly Sample[]): number {
  return Math.max(...samples.map(({ rssBytes }) => rssBytes));
}

/** Bytes a minute, by least squares. */
export function slopeOf(samples: readonly Sample[]): number {
  const meanAt = mean(samples.map(({ atMs }) => atMs));
  const meanRss = mean(samples.map(({ rssBytes }) => rssBytes));
  const over = samples.reduce((sum, { atMs, rssBytes }) => sum + (atMs - meanAt) * (rssBytes - meanRss), 0);
  const under = samples.reduce((sum, { atMs }) => sum + (atMs - meanAt) ** 2, 0);
  return (over / under) * 60_000;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
