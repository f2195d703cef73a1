/** Owns the trial many-streams: a crowd of streams at a steady pace, one producer and one reader each. */

import { openLines } from "../line.ts";
import { Pace } from "../pace.ts";
import { Latencies, everyMs, measureSteady, steadyColumns, steadyLimitMs } from "../steady.ts";
import { atMost, ours } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import { memoryOf } from "../usage.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

const openingLimitMs = 100;
const mostRounds = 2;
const mostP99Ms = 250;
/** The first one is behind every reader when the load begins. */
const firstN = 2;

export const manyStreams: ContendedTrial = {
  kind: "contended",
  name: "many-streams",
  work: "many-streams",
  does: ({ streams, pacedMs }) => `${streams} streams at ${1_000 / everyMs} events/s each for ${pacedMs} ms, one reader each; latency from when an event is due`,
  columns: () => steadyColumns("stream"),
  // To open them takes most of the time.
  rounds: ({ rounds }) => Math.min(rounds, mostRounds),
  limitMs: ({ streams, pacedMs }) => streams * openingLimitMs + steadyLimitMs(pacedMs),
  run,
  targets: (results) => {
    const p99Ms = results.median(ours, "p99Ms");
    // Of a round that fell behind nobody knows whether the rest would have come.
    const wrongRounds = p99Ms === null ? null : results.failedRounds(ours);
    return [
      atMost(`p99 under ${mostP99Ms} ms`, p99Ms, mostP99Ms, "ms"),
      atMost("no round in which an event is lost, doubled, altered or out of turn", wrongRounds, 0, "rounds", 0),
    ];
  },
};

async function run(running: Running, { streams, pacedMs }: Scale): Promise<Outcome> {
  const emptyBytes = memoryOf(running.pids).pssBytes;
  const latencies = new Latencies(firstN);
  const lines = await openLines(running, streams, (index, n) => {
    if (n >= firstN) latencies.note(n, pace.dueAtMs(index, n));
  });
  const pace = new Pace(lines, { everyMs, firstN });
  const checkers = lines.map(({ checker }) => checker);
  return measureSteady(running, { pace, firstN, checkers, latencies, emptyBytes }, pacedMs);
}
