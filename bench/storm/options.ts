/** Owns the command line of a storm. */

import { parseArgs } from "node:util";
import { readCount } from "../support/options.ts";
import type { StormOptions } from "./storm.ts";

/** @throws Error for what it cannot read. */
export function readOptions(args: readonly string[]): StormOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args: [...args], options: { minutes: text, streams: text, seed: text } });
  return {
    durationMs: readCount("minutes", values.minutes, 1, 1) * 60_000,
    streams: readCount("streams", values.streams, 10, 1),
    seed: readCount("seed", values.seed, 1, 0),
  };
}
