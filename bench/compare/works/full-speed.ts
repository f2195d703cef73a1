/** Owns the trial full-speed: one producer as fast as its contender takes it, one reader that follows. */

import { cpuMsOf } from "../usage.ts";
import { eventBytes, eventsOf } from "../contents.ts";
import { openLine } from "../line.ts";
import type { Line } from "../line.ts";
import { busyColumn, lateP99Column, loadFigures, watchLoad } from "../load-watch.ts";
import { aside, atLeast, atMost, column, ours } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

/** Events handed over at a time; a contender may join them or part them. */
const batchEvents = 100;
const warmMs = 1_000;
/** For what is still under way when the producer stops. */
const restLimitMs = 60_000;
const leastEventsPerSecond = 60_000;
const mostCpuUs = 15;
const leastTimesDurable = 10;

export const fullSpeed: ContendedTrial = {
  kind: "contended",
  name: "full-speed",
  work: "full-speed",
  does: ({ fullSpeedMs }) => `one stream as fast as it goes for ${fullSpeedMs} ms, events of ${eventBytes} bytes, one reader`,
  columns: () => [
    column("acknowledged", "events/s acknowledged"),
    column("read", "events/s read"),
    column("cpuUs", "CPU us/event", 1),
    aside("cores", "cores used", 2),
    busyColumn,
    lateP99Column,
  ],
  rounds: ({ rounds }) => rounds,
  limitMs: ({ fullSpeedMs }) => 30_000 + fullSpeedMs + 2 * restLimitMs,
  run,
  targets: (results) => {
    const own = results.median(ours, "acknowledged");
    const durable = results.bestDurable("acknowledged", "most");
    return [
      atLeast(`${leastEventsPerSecond} events/s durable`, own, leastEventsPerSecond, "events/s"),
      atMost(`at most ${mostCpuUs} us of CPU per event`, results.median(ours, "cpuUs"), mostCpuUs, "us"),
      atLeast(`${leastTimesDurable} times the best other that keeps events on disk`, own === null || durable === null ? null : own / durable, leastTimesDurable, "times", 1),
    ];
  },
};

async function run(running: Running, { fullSpeedMs }: Scale): Promise<Outcome> {
  const line = await openLine(running, "fast");
  let written = await writeFor(line, 2, warmMs);
  await line.checker.until(written, restLimitMs);
  const before = { events: written, cpuMs: cpuMsOf(running.pids), atMs: performance.now() };
  const load = watchLoad();
  written = await writeFor(line, written + 1, fullSpeedMs);
  const acknowledgedMs = performance.now() - before.atMs;
  await line.checker.until(written, restLimitMs);
  const readMs = performance.now() - before.atMs;
  const watched = load.stop();
  const cpuMs = cpuMsOf(running.pids) - before.cpuMs;
  const events = written - before.events;
  return {
    figures: {
      acknowledged: (events * 1_000) / acknowledgedMs,
      read: (events * 1_000) / readMs,
      cpuUs: (cpuMs * 1_000) / events,
      cores: cpuMs / readMs,
      ...loadFigures([watched]),
    },
    notes: [],
  };
}

/** Settles when all is acknowledged. @returns the number of the last event. */
async function writeFor({ stream, producing }: Line, firstN: number, lastsMs: number): Promise<number> {
  let n = firstN;
  for (const endAtMs = performance.now() + lastsMs; performance.now() < endAtMs; n += batchEvents) {
    await producing.write(eventsOf(stream, n, batchEvents));
  }
  await producing.settled();
  return n - 1;
}
