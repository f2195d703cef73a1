/** Owns the command line of a crash run. */

import { parseArgs } from "node:util";
import { readCount } from "../support/options.ts";

export interface Options {
  readonly kills: number;
  readonly seed: number;
}

const defaultKills = 200;
const defaultSeed = 1;

/** @throws Error for what it cannot read. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: "string" }, seed: { type: "string" } } });
  return { kills: readCount("kills", values.kills, defaultKills, 1), seed: readCount("seed", values.seed, defaultSeed, 0) };
}
