/** Owns saying what a folder is stored on, and how long that takes to make a page durable. */

import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { quantile } from "./figures.ts";

const pageBytes = 4_096;
const samples = 200;

/** What keeps events on disk can be no faster than this, once for each commit. */
export function describeStorage(dir: string): string {
  const syncedMs = measureSync(dir);
  return `${kindOf(dir)}, fdatasync p50 ${quantile(syncedMs, 0.5).toFixed(2)} ms, p99 ${quantile(syncedMs, 0.99).toFixed(1)} ms`;
}

function kindOf(dir: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" "));
  const holding = mounts.filter(([, at = "-"]) => `${resolve(dir)}/`.startsWith(at === "/" ? at : `${at}/`));
  const [, , kind = "unknown"] = holding.toSorted(([, a = ""], [, b = ""]) => b.length - a.length)[0] ?? [];
  return kind;
}

function measureSync(dir: string): readonly number[] {
  const file = join(dir, `longstream-bench-${process.pid}.sync`);
  const descriptor = openSync(file, "wx");
  const page = Buffer.alloc(pageBytes, 1);
  try {
    return Array.from({ length: samples }, () => {
      const beganAtMs = performance.now();
      writeSync(descriptor, page);
      fdatasyncSync(descriptor);
      return performance.now() - beganAtMs;
    });
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}
