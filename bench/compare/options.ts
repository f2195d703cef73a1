/** Owns the command line: which contenders are put to which works, and at what scale. */

import { parseArgs } from "node:util";
import { contenders } from "../contenders/index.ts";
import type { Contender } from "../contenders/contender.ts";
import { readCount } from "../support/options.ts";
import { fullScale, quickScale } from "./scale.ts";
import type { Scale } from "./scale.ts";
import type { Trial } from "./trial.ts";
import { trials } from "./trials.ts";

export const help = `npm run bench -- [options]

  --quick                 one round, a tenth of the streams and readers, less of the rest, no catch-up-long: for trying, not for quoting
  --rounds <n>            how often each contender has its turn (3)
  --work <name,...>       of ${trials.map(({ name }) => name).join(", ")}
  --only <name,...>       of ${contenders.map(({ name }) => name.replaceAll(" ", "-")).join(", ")}
  --streams <n>           of many-streams and idle (1000)
  --readers <n>           of many-readers (1000)
  --idle-seconds <n>      of idle (60)
  --long-events <n>       of catch-up-long (1000000); 0 leaves it out
  --dir <folder>          where contenders store (the system's for temporary files)
  --json <file>           the figures, round by round
`;

export interface Options {
  readonly scale: Scale;
  readonly mode: "full" | "quick";
  readonly trials: readonly Trial[];
  readonly contenders: readonly Contender[];
  readonly dir: string | null;
  readonly jsonFile: string | null;
}

/** @returns null where help is asked for. @throws Error for what it cannot read. */
export function readOptions(args: readonly string[]): Options | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      rounds: text,
      work: text,
      only: text,
      streams: text,
      readers: text,
      "idle-seconds": text,
      "long-events": text,
      dir: text,
      json: text,
    },
  });
  if (values.help) return null;
  const base = values.quick ? quickScale : fullScale;
  const scale = {
    ...base,
    rounds: readCount("rounds", values.rounds, base.rounds, 1),
    streams: readCount("streams", values.streams, base.streams, 1),
    readers: readCount("readers", values.readers, base.readers, 1),
    idleMs: readCount("idle-seconds", values["idle-seconds"], base.idleMs / 1_000, 1) * 1_000,
    longEvents: readCount("long-events", values["long-events"], base.longEvents, 0),
  };
  return {
    scale,
    mode: values.quick ? "quick" : "full",
    trials: choose("work", values.work, trials),
    contenders: choose("only", values.only, contenders),
    dir: values.dir ?? null,
    jsonFile: values.json ?? null,
  };
}

/** In the order of the list. A name may have hyphens for its spaces. */
function choose<T extends { readonly name: string }>(option: string, text: string | undefined, all: readonly T[]): readonly T[] {
  if (text === undefined) return all;
  const names = new Set(text.split(","));
  const known = all.map(({ name }) => name.replaceAll(" ", "-"));
  const unknown = [...names].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`Cannot run: --${option} knows no "${unknown}"; it knows ${known.join(", ")}`);
  return all.filter(({ name }) => names.has(name.replaceAll(" ", "-")));
}
