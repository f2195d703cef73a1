/** Owns the trial client-drop: a reader that is cut off, misses some events, and comes back with its position. */

import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../../support/figures.ts";
import { Checker, eventOf } from "../contents.ts";
import { busyColumn, lateMaxColumn, loadFigures, watchLoad } from "../load-watch.ts";
import { column } from "../trial.ts";
import type { ContendedTrial, Outcome } from "../trial.ts";
import type { Producing, Reading, Running } from "../../contenders/contender.ts";
import type { Scale } from "../scale.ts";

const stream = "dropped";
const everyMs = 10;
/** Written while the reader is away: long enough for the first of them to be stored, whatever the interval of commits. */
const missedEvents = 10;
/** Read between two drops. */
const readEvents = 5;

export const clientDrop: ContendedTrial = {
  kind: "contended",
  name: "client-drop",
  work: "client-drop",
  does: ({ drops }) => `an event every ${everyMs} ms; the reader is cut off ${drops} times, and comes back ${missedEvents} events later; time to the first it missed`,
  columns: () => [column("p50Ms", "p50 ms", 1), column("maxMs", "max ms", 1), busyColumn, lateMaxColumn],
  rounds: ({ rounds }) => rounds,
  limitMs: ({ drops }) => 60_000 + drops * 1_000,
  run,
  targets: () => [],
};

async function run(running: Running, { drops }: Scale): Promise<Outcome> {
  let awaitedN = 0;
  let takenAtMs = 0;
  const checker = new Checker(stream, (n) => {
    if (n === awaitedN) takenAtMs = performance.now();
  });
  const steady = new SteadyWriter(await running.produce(stream), checker);
  let reading: Reading = await running.read(stream, "start", checker.take);
  const latenciesMs: number[] = [];
  const load = watchLoad();
  for (let drop = 0; drop < drops; drop++) {
    await checker.until(checker.taken + readEvents);
    reading.drop();
    awaitedN = checker.taken + 1;
    await steady.until(checker.taken + missedEvents);
    const beganAtMs = performance.now();
    reading = await running.read(stream, { behind: reading.position }, checker.take);
    await checker.until(awaitedN);
    latenciesMs.push(takenAtMs - beganAtMs);
  }
  const watched = load.stop();
  await checker.until(await steady.stop());
  reading.drop();
  return { figures: { p50Ms: quantile(latenciesMs, 0.5), maxMs: quantile(latenciesMs, 1), ...loadFigures([watched]) }, notes: [] };
}

class SteadyWriter {
  readonly #stopping = new AbortController();
  readonly #checker: Checker;
  readonly #running: Promise<void>;
  #written = 0;

  /** What goes wrong with writing, whoever waits at the reader's end is told. */
  constructor(producing: Producing, checker: Checker) {
    this.#checker = checker;
    this.#running = this.#run(producing).catch((error: unknown) => checker.fail(`lost its producer (${String(error)})`));
  }

  async until(n: number): Promise<void> {
    for (; this.#written < n; await sleep(1)) this.#checker.insistRight();
  }

  /** Settles when all is acknowledged. @returns the number of the last event. */
  async stop(): Promise<number> {
    this.#stopping.abort();
    await this.#running;
    return this.#written;
  }

  async #run(producing: Producing): Promise<void> {
    const { signal } = this.#stopping;
    for (; !signal.aborted; await sleep(everyMs)) {
      await producing.write([eventOf(stream, this.#written + 1)]);
      this.#written++;
    }
    await producing.settled();
  }
}
