/** Owns the trial many-streams: a crowd of streams at a steady pace, one producer and one reader each. */

import { openLines } from "../line.ts";
import { Pace } from "../pace.ts";
import { Latencies, everyMs, measureSteady, p99Target, steadyColumns, steadyLimitMs, steadyRounds } from "../steady.ts";
import { atMost, ours } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import { memoryOf } from "../usage.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

/** The first one is behind every reader when the load begins. */
const firstN = 2;

export const manyStreams: ContendedTrial = {
  kind: "contended",
  name: "many-streams",
  work: "many-streams",
  does: ({ streams, pacedMs }) => `${streams} streams at ${1_000 / everyMs} events/s each for ${pacedMs} ms, one reader each; latency from when an event is due`,
  columns: () => steadyColumns("stream"),
  rounds: steadyRounds,
  limitMs: ({ streams, pacedMs }) => steadyLimitMs(streams, pacedMs),
  run,
  targets: (results) => {
    // Of a round that fell behind nobody knows whether the rest would have come.
    const wrongRounds = results.median(ours, "p99Ms") === null ? null : results.failedRounds(ours);
    return [
      p99Target(results),
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
