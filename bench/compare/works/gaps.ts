/** Owns the trial gaps: what a reader of a real function notices of a dropped socket, a crash and a handover. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "../../../local/stack.ts";
import type { Stack } from "../../../local/stack.ts";
import { measureHandovers } from "../../handover.ts";
import { readArrivals } from "../../support/arrivals.ts";
import type { Arrival } from "../../support/arrivals.ts";
import { insist, quantile } from "../../support/figures.ts";
import { column } from "../trial.ts";
import type { Figures, OwnTrial, Outcome } from "../trial.ts";
import type { Scale } from "../scale.ts";

const streams = 4;
const intervalMs = 20;
/** More than the runs below take. */
const eventsPerStream = 1_000_000;
const limitMs = 30_000;
/** The stream goes on when its latest event is no older than this. */
const steadyMs = 5 * intervalMs;
/** `settleMs`: a gap has begun and ended by then, unless the stream is still silent. A crash is waited out for `redialMs`. */
const faults = {
  drop: { name: "drop-producer", settleMs: 1_000 },
  crash: { name: "kill-lambda", settleMs: 4_000 },
} as const;

export const gaps: OwnTrial = {
  kind: "own",
  name: "gaps",
  does: ({ faults: count, handovers }) =>
    `pause of a function's events at ${count} dropped sockets, ${count} crashes and ${handovers} handovers, beyond the pace; settings as they come`,
  // Too few of each for a p99 below their maximum.
  columns: () => [
    column("dropP50Ms", "drop p50 ms"),
    column("dropMaxMs", "max"),
    column("crashP50Ms", "crash p50 ms"),
    column("crashMaxMs", "max"),
    column("handoverP50Ms", "handover p50 ms", 1),
    column("handoverMaxMs", "max", 1),
  ],
  // Each of its faults is a sample of its own.
  rounds: () => 1,
  limitMs: ({ faults: count, handovers }) => 60_000 + count * 10_000 + handovers * 3_000,
  run: async (dir, scale): Promise<Outcome> => {
    const found = await measureFaults(join(dir, "faults"), scale);
    const { acrossMs } = await measureHandovers(join(dir, "handovers"), scale.handovers);
    insist(acrossMs.length >= scale.handovers, `there were ${acrossMs.length} of ${scale.handovers} handovers`);
    return { figures: { ...found, handoverP50Ms: quantile(acrossMs, 0.5), handoverMaxMs: quantile(acrossMs, 1) }, notes: [] };
  },
  targets: () => [],
};

async function measureFaults(dir: string, { faults: count }: Scale): Promise<Figures> {
  const stack = await startStack({
    port: 0,
    dir,
    vars: { TICKET_SECRET: "bench-secret-0123456789-0123456789-01", ROUTES: [{ path: "/count", kind: "events", function: "count", region: "us-east-1" }] },
  });
  try {
    const each = Math.ceil(count / streams);
    const found = await Promise.all(Array.from({ length: streams }, async () => breakAgain(stack, each)));
    const dropMs = found.flatMap((one) => one.dropMs);
    const crashMs = found.flatMap((one) => one.crashMs);
    return { dropP50Ms: quantile(dropMs, 0.5), dropMaxMs: quantile(dropMs, 1), crashP50Ms: quantile(crashMs, 0.5), crashMaxMs: quantile(crashMs, 1) };
  } finally {
    await stack.close();
  }
}

interface StreamGaps {
  readonly dropMs: readonly number[];
  readonly crashMs: readonly number[];
}

/** One stream, and one fault after the other, of both kinds in turn. */
async function breakAgain(stack: Stack, each: number): Promise<StreamGaps> {
  const arriving = await readArrivals(new URL(`/count?n=${eventsPerStream}&intervalMs=${intervalMs}`, stack.url));
  const { streamId, arrivals } = arriving;
  const dropMs: number[] = [];
  const crashMs: number[] = [];
  for (let time = 0; time < each; time++) {
    dropMs.push(await breakOnce(stack, streamId, arrivals, faults.drop));
    crashMs.push(await breakOnce(stack, streamId, arrivals, faults.crash));
  }
  arriving.leave();
  await arriving.ended;
  return { dropMs, crashMs };
}

async function breakOnce(stack: Stack, stream: string, arrivals: readonly Arrival[], fault: (typeof faults)[keyof typeof faults]): Promise<number> {
  await steady(arrivals);
  const before = arrivals.length;
  const response = await fetch(new URL("/faults", stack.control.url), { method: "POST", body: JSON.stringify({ fault: fault.name, stream }) });
  insist(response.ok, `${fault.name} was answered with ${response.status}`);
  await response.body?.cancel();
  await sleep(fault.settleMs);
  await steady(arrivals);
  const around = arrivals.slice(before - 1);
  return Math.max(...around.slice(1).map(({ atMs }, index) => atMs - (around[index]?.atMs ?? atMs))) - intervalMs;
}

async function steady(arrivals: readonly Arrival[]): Promise<void> {
  for (const limitAtMs = performance.now() + limitMs; performance.now() < limitAtMs; await sleep(intervalMs)) {
    if (performance.now() - (arrivals.at(-1)?.atMs ?? 0) < steadyMs) return;
  }
  throw new Error(`Cannot report: a stream was silent for ${limitMs} ms`);
}
