/**
 * Owns the process of one cell: one contender, or none, and one trial, once. A process of its own for each, so that no load
 * generator runs code that another contender's turn has compiled, or with memory that it has left behind.
 */

import { startReaper } from "../../local/reaper.ts";
import type { Reaper } from "../../local/reaper.ts";
import { contenders } from "../contenders/index.ts";
import { Unavailable } from "../contenders/contender.ts";
import { readOptions } from "./options.ts";
import type { Scale } from "./scale.ts";
import type { ContendedTrial, Outcome, Trial } from "./trial.ts";
import { trials } from "./trials.ts";

/** What it tells the process that started it. */
export type Told =
  | ({ readonly kind: "done" } & Outcome)
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "unavailable"; readonly why: string };

async function main([trialName, contenderName, dir = "", ...args]: readonly string[]): Promise<void> {
  const trial = trials.find(({ name }) => name === trialName);
  const options = readOptions(args);
  if (trial === undefined || options === null) throw new Error("Cannot run a cell: it is started by compare.ts");
  // Whatever this process started must not outlive one that is killed.
  const reaper = startReaper();
  const told = await measure(trial, contenderName ?? "", { dir, scale: options.scale, reaper });
  reaper.close();
  process.send?.(told, () => process.exit(0));
}

interface Surroundings {
  readonly dir: string;
  readonly scale: Scale;
  readonly reaper: Reaper;
}

async function measure(trial: Trial, contenderName: string, surroundings: Surroundings): Promise<Told> {
  const { dir, scale } = surroundings;
  try {
    const outcome = trial.kind === "own" ? await trial.run(dir, scale) : await contend(trial, contenderName, surroundings);
    return { kind: "done", ...outcome };
  } catch (error) {
    if (error instanceof Unavailable) return { kind: "unavailable", why: error.why };
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

async function contend(trial: ContendedTrial, name: string, { dir, scale, reaper }: Surroundings): Promise<Outcome> {
  const contender = contenders.find((each) => each.name === name);
  if (contender === undefined) throw new Error(`Cannot run a cell: there is no contender ${name}`);
  const running = await contender.start(dir);
  const { pids } = running;
  for (const pid of pids) reaper.watch(pid);
  try {
    return await trial.run(running, scale);
  } finally {
    await running.close();
    for (const pid of pids) reaper.forget(pid);
  }
}

// The process that started it is gone: the reaper sees to the rest.
process.on("disconnect", () => process.exit(1));
await main(process.argv.slice(2));
