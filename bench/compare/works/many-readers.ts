/** Owns the trial many-readers: one stream at a steady pace, and a crowd that reads it. */

import { Checker } from "../contents.ts";
import { follow, inTurns } from "../line.ts";
import { Pace } from "../pace.ts";
import { Latencies, everyMs, measureSteady, p99Target, steadyColumns, steadyLimitMs, steadyRounds } from "../steady.ts";
import { atMost } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import { memoryOf } from "../usage.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

const stream = "crowded";
/** All readers are there before it: a contender that keeps nothing has no other way. */
const firstN = 1;

export const manyReaders: ContendedTrial = {
  kind: "contended",
  name: "many-readers",
  work: "many-readers",
  does: ({ readers, pacedMs }) => `one stream at ${1_000 / everyMs} events/s for ${pacedMs} ms, ${readers} readers; latency from when an event is due`,
  columns: () => steadyColumns("reader"),
  rounds: steadyRounds,
  limitMs: ({ readers, pacedMs }) => steadyLimitMs(readers, pacedMs),
  run,
  targets: (results) => [
    p99Target(results),
    atMost("CPU per delivery at most nchan's", results.times("nchan", "cpuUs"), 1, "times", 2),
  ],
};

async function run(running: Running, { readers, pacedMs }: Scale): Promise<Outcome> {
  const emptyBytes = memoryOf(running.pids).pssBytes;
  const producing = await running.produce(stream);
  const pace = new Pace([{ stream, producing }], { everyMs, firstN });
  const latencies = new Latencies(firstN);
  const checkers = await inTurns(readers, async () => {
    const checker = new Checker(stream, (n) => latencies.note(n, pace.dueAtMs(0, n)));
    await follow(running, stream, checker);
    return checker;
  });
  return measureSteady(running, { pace, firstN, checkers, latencies, emptyBytes }, pacedMs);
}
