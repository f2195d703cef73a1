/** Measures handovers at the client: the gap between the last event of one attempt and the first of the next. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startStack } from "../local/stack.ts";
import { readArrivals } from "./support/arrivals.ts";
import type { Arrival } from "./support/arrivals.ts";
import { insist, machine, row, say, spread } from "./support/figures.ts";

const wantedHandovers = 200;
const streams = 5;
const intervalMs = 50;
const lambdaTimeoutMs = 4_000;
/** The limit less a quarter of it. */
const attemptMs = 3_000;

export interface HandoverGaps {
  readonly events: number;
  /** Milliseconds between two events of different attempts, beyond the pace of the handler. */
  readonly acrossMs: readonly number[];
  /** The same of one attempt. */
  readonly elsewhereMs: readonly number[];
}

/** Streams side by side, each of which crosses a time limit again and again. @param dir An empty folder. */
export async function measureHandovers(dir: string, wanted: number): Promise<HandoverGaps> {
  const stack = await startStack({
    port: 0,
    dir,
    lambdaTimeoutMs,
    functionDirs: [fileURLToPath(new URL("../e2e/functions", import.meta.url))],
    vars: { TICKET_SECRET: "bench-secret-0123456789-0123456789-01", ROUTES: [{ path: "/count", kind: "events", function: "continuing", region: "us-east-1" }] },
  });
  try {
    const events = Math.ceil(((wanted / streams + 1) * attemptMs) / intervalMs);
    const url = new URL(`/count?n=${events}&intervalMs=${intervalMs}`, stack.url);
    // One after the other, so that not all successors start cold in the same moment.
    const starts = Array.from({ length: streams }, (_, index) => (index * attemptMs) / streams);
    const all = await Promise.all(starts.map(async (delayMs) => sleep(delayMs).then(async () => readAll(url, events))));
    return gapsOf(all);
  } finally {
    await stack.close();
  }
}

async function readAll(url: URL, events: number): Promise<readonly Arrival[]> {
  const { arrivals, ended } = await readArrivals(url);
  await ended;
  insist(arrivals.length === events, `a stream brought ${arrivals.length} of ${events} events`);
  return arrivals;
}

function gapsOf(all: readonly (readonly Arrival[])[]): HandoverGaps {
  const pairs = all.flatMap((arrivals) => arrivals.slice(1).map((next, index) => [arrivals[index], next] as const));
  const gaps = (across: boolean): number[] =>
    pairs.flatMap(([before, next]) => (before !== undefined && (before.attempt !== next.attempt) === across ? [Math.max(0, next.atMs - before.atMs - intervalMs)] : []));
  return { events: all.flat().length, acrossMs: gaps(true), elsewhereMs: gaps(false) };
}

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-bench-"));
  try {
    const { events, acrossMs, elsewhereMs } = await measureHandovers(dir, wantedHandovers);
    say(machine());
    say(`${streams} streams side by side, staggered, an event every ${intervalMs} ms, time limit ${lambdaTimeoutMs} ms, a cold start for each successor`);
    say(`handovers: ${acrossMs.length}; events: ${events}, each once and in order; gaps beyond the handler's pace`);
    row("at a handover", ...spread(acrossMs));
    row("elsewhere", ...spread(elsewhereMs));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
