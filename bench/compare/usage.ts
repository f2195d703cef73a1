/** Owns what processes use, as Linux counts it: CPU time by clock tick, and memory, shared pages in fair parts. */

import { readFileSync } from "node:fs";
import { rssOf } from "../support/memory.ts";

/** `USER_HZ`: the kernel tells every program the same, whatever it ticks at. */
export const tickMs = 10;

/** Both fields are counted from behind the name, which may hold anything. */
const userTimeField = 11;
const systemTimeField = 12;

/** All threads of them since they started, user and system. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[userTimeField]) + Number(fields[systemTimeField])) * tickMs;
  }, 0);
}

export interface MemoryUse {
  readonly rssBytes: number;
  /** A page shared by two processes counts half for each. */
  readonly pssBytes: number;
}

export function memoryOf(pids: readonly number[]): MemoryUse {
  return {
    rssBytes: pids.reduce((sum, pid) => sum + rssOf(pid), 0),
    pssBytes: pids.reduce((sum, pid) => sum + pssOf(pid), 0),
  };
}

function pssOf(pid: number): number {
  const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
