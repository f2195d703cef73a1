/** Owns the trial idle: streams that wait, one reader each, and say nothing. */

import { setTimeout as sleep } from "node:timers/promises";
import { eventOf } from "../contents.ts";
import { openLines } from "../line.ts";
import type { Results } from "../results.ts";
import { atMost, column, ours } from "../trial.ts";
import type { ContendedTrial, Outcome, Target } from "../trial.ts";
import { cpuMsOf, memoryOf, tickMs } from "../usage.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

/** An object that nothing happens to is dropped from memory after 10 s. */
const settleMs = 12_000;
const inObject = "sse-in-object";
/** A tick of CPU in a minute, in milliseconds a second: less cannot be told from nothing. */
const leastCpuMs = tickMs / 60;

export const idle: ContendedTrial = {
  kind: "contended",
  name: "idle",
  work: "idle",
  does: ({ streams, idleMs }) => `${streams} streams whose producer and one reader are there and that say nothing for ${idleMs / 1_000} s; then one event each`,
  columns: () => [column("cpuMs", "CPU ms a second", 1), column("kilobytes", "PSS KB/stream"), column("residentKilobytes", "RSS KB/stream")],
  // It measures what does not happen, which a busy moment of the machine changes little.
  rounds: () => 1,
  limitMs: ({ streams, idleMs }) => 60_000 + streams * 200 + idleMs + settleMs,
  run,
  targets: (results) => [
    cpuTarget(results),
    atMost("memory at most that of SSE held in the object", results.times(inObject, "kilobytes"), 1, "times", 2),
    atMost("no round in which a stream had gone dead", results.failedRounds(ours), 0, "rounds", 0),
  ],
};

/** Not as a ratio: the other may use nothing at all, and ours would miss it by no multiple. */
function cpuTarget(results: Results): Target {
  const own = results.median(ours, "cpuMs");
  const theirs = results.median(inObject, "cpuMs");
  const target = atMost(`CPU at most that of SSE held in the object, or ${tickMs} ms a minute`, own, theirs === null ? null : Math.max(theirs, leastCpuMs), "ms a second", 2);
  return target.found === null || theirs === null ? target : { ...target, found: `${target.found}, to its ${theirs.toFixed(2)}` };
}

async function run(running: Running, { streams, idleMs }: Scale): Promise<Outcome> {
  const empty = memoryOf(running.pids);
  const lines = await openLines(running, streams, () => undefined);
  await sleep(settleMs);
  const cpuBeforeMs = cpuMsOf(running.pids);
  await sleep(idleMs);
  const cpuMs = cpuMsOf(running.pids) - cpuBeforeMs;
  const full = memoryOf(running.pids);
  for (const { stream, producing, checker } of lines) await Promise.all([producing.write([eventOf(stream, 2)]), checker.until(2)]);
  return {
    figures: {
      cpuMs: (cpuMs * 1_000) / idleMs,
      kilobytes: (full.pssBytes - empty.pssBytes) / streams / 1_000,
      residentKilobytes: (full.rssBytes - empty.rssBytes) / streams / 1_000,
    },
    notes: [],
  };
}
