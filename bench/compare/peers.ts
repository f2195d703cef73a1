/** Owns having ready what the chosen contenders need, and no more: their packages, Redis, and servers that compile. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Need } from "../contenders/contender.ts";
import type { Options } from "./options.ts";

const peersDir = fileURLToPath(new URL("../peers/", import.meta.url));
const tsc = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
const ascending: readonly Need[] = ["nothing", "packages", "packages and redis"];

/** Of those contenders that are put to a work at all. */
export function needOf({ trials, contenders, scale }: Pick<Options, "trials" | "contenders" | "scale">): Need {
  const works = trials.flatMap((trial) => (trial.kind === "contended" && trial.rounds(scale) > 0 ? [trial.work] : []));
  const needs = new Set(contenders.filter(({ cannot }) => works.some((work) => cannot[work] === undefined)).map((each) => each.needs));
  return ascending.findLast((need) => needs.has(need)) ?? "nothing";
}

/** Where something cannot be had, each contender that needs it is left out, and says so. @throws Error for a server that does not compile. */
export function prepare(need: Need): void {
  if (need === "nothing") return;
  const install = spawnSync(process.execPath, [`${peersDir}install.mjs`, ...(need === "packages and redis" ? ["--redis"] : [])], { stdio: "inherit" });
  if (install.status !== 0) return;
  for (const project of [peersDir, `${peersDir}agents`]) {
    if (spawnSync(tsc, ["-p", project], { stdio: "inherit" }).status !== 0) throw new Error(`Cannot run: ${project} does not compile`);
  }
}
