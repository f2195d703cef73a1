/** Owns the trial single-event: one event at a time from producer to reader, while nothing else goes on. */

import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../../support/figures.ts";
import { eventOf } from "../contents.ts";
import { openLine } from "../line.ts";
import { busyColumn, lateP99Column, loadFigures, watchLoad } from "../load-watch.ts";
import { atMost, column, ours } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import type { Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

/** Longer than any contender's interval of commits or flushes, ours of 50 ms included: each event finds it idle. */
const everyMs = 60;
const warmEvents = 20;
const mostTimesFloor = 3;

export const singleEvent: ContendedTrial = {
  kind: "contended",
  name: "single-event",
  work: "single-event",
  does: ({ singleEvents }) => `one event every ${everyMs} ms, from its write to its reader; ${singleEvents} a round`,
  columns: () => [column("p50Ms", "p50 ms", 2), column("p99Ms", "p99 ms", 2), column("maxMs", "max ms", 2), busyColumn, lateP99Column],
  rounds: ({ rounds }) => rounds,
  limitMs: ({ singleEvents }) => 60_000 + singleEvents * everyMs * 4,
  run,
  targets: (results) => {
    const own = results.median(ours, "p50Ms");
    return [
      atMost(`p50 at most ${mostTimesFloor} times the floor's`, results.times("floor", "p50Ms"), mostTimesFloor, "times", 2),
      atMost("p50 below that of every other that keeps events on disk", own, results.bestDurable("p50Ms", "least"), "ms", 2),
    ];
  },
};

async function run(running: Running, { singleEvents }: Scale): Promise<Outcome> {
  let takenAtMs = 0;
  const { stream, producing, checker } = await openLine(running, "single", () => {
    takenAtMs = performance.now();
  });
  const latenciesMs: number[] = [];
  const load = watchLoad();
  for (let n = 2; n < 2 + warmEvents + singleEvents; n++) {
    await sleep(everyMs);
    const beganAtMs = performance.now();
    await Promise.all([producing.write([eventOf(stream, n)]), checker.until(n)]);
    latenciesMs.push(takenAtMs - beganAtMs);
  }
  const watched = load.stop();
  const measured = latenciesMs.slice(warmEvents);
  return {
    figures: { p50Ms: quantile(measured, 0.5), p99Ms: quantile(measured, 0.99), maxMs: quantile(measured, 1), ...loadFigures([watched]) },
    notes: [],
  };
}
