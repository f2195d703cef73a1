/** Measures Longstream side by side with what users would pick instead; `--help` says how to choose. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { resolve } from "node:path";
import { help, readOptions } from "./compare/options.ts";
import type { Options } from "./compare/options.ts";
import { needOf, prepare } from "./compare/peers.ts";
import { Results } from "./compare/results.ts";
import type { Cell, Entrant, LeftOut } from "./compare/results.ts";
import { runCell } from "./compare/run-cell.ts";
import { toJson, toSummary, toText } from "./compare/table.ts";
import type { Run } from "./compare/table.ts";
import { ours } from "./compare/trial.ts";
import type { Trial } from "./compare/trial.ts";
import { describeStorage } from "./support/storage.ts";
import { machine, say } from "./support/figures.ts";
import { readOrExit } from "./support/options.ts";

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

async function main(args: readonly string[]): Promise<void> {
  const options = readOrExit(() => readOptions(args));
  if (options === null) return say(help);
  prepare(needOf(options));
  const dir = options.dir ?? tmpdir();
  const setting = {
    machine: `${machine()}, ${Math.round(totalmem() / 2 ** 30)} GiB, storage on ${describeStorage(dir)}`,
    commit: describeCommit(),
    command: `npm run bench${args.map((arg, index) => `${index === 0 ? " --" : ""} ${arg}`).join("")}`,
    at: new Date().toISOString(),
  };
  say(`${setting.machine}\n${setting.commit}, ${setting.at}\n${setting.command}`);
  say("Medians of the rounds (least-most) and xN, the ratio to longstream's. Every event was checked before a figure was taken.\n");
  const runs: Run[] = [];
  /** Contenders that this machine does not have, with the reason. */
  const missing = new Map<string, string>();
  for (const trial of options.trials) {
    if (trial.rounds(options.scale) === 0) continue;
    const run = { trial, scale: options.scale, results: await runTrial(trial, { options, args, dir, missing }) };
    if (stopping.signal.aborted) break;
    runs.push(run);
    say(toText(run));
  }
  say(toSummary(runs));
  if (options.jsonFile !== null) writeFileSync(options.jsonFile, `${JSON.stringify({ ...setting, mode: options.mode, scale: options.scale, works: toJson(runs) }, null, 2)}\n`);
  if (stopping.signal.aborted || runs.some(({ results }) => (results.failedRounds(ours) ?? 0) > 0)) process.exitCode = 1;
}

interface Bout {
  readonly options: Options;
  readonly args: readonly string[];
  readonly dir: string;
  readonly missing: Map<string, string>;
}

/** Rounds over contenders, so that a busy moment of the machine falls on all of them. */
async function runTrial(trial: Trial, { options, args, dir, missing }: Bout): Promise<Results> {
  const leftOut: LeftOut[] = [];
  const entrants = entrantsOf(trial, options, leftOut);
  const limitMs = trial.limitMs(options.scale);
  for (let round = 1; round <= trial.rounds(options.scale); round++) {
    for (const { name, cells } of entrants) {
      if (stopping.signal.aborted || missing.has(name)) continue;
      progress(`${trial.name}, round ${round}, ${name}`);
      const told = await runCell({ trial: trial.name, contender: trial.kind === "own" ? "" : name, dir: resolve(dir), limitMs, args, signal: stopping.signal });
      if (told.kind === "unavailable") missing.set(name, told.why);
      else cells.push(told);
    }
  }
  progress("");
  for (const { name } of entrants) if (missing.has(name)) leftOut.push({ name, why: missing.get(name) ?? "" });
  return new Results(entrants.filter(({ name }) => !missing.has(name)), leftOut);
}

interface Entering extends Entrant {
  readonly cells: Cell[];
}

function entrantsOf(trial: Trial, { contenders }: Options, leftOut: LeftOut[]): readonly Entering[] {
  return contenders.flatMap(({ name, keeps, cannot }) => {
    if (trial.kind === "own") return name === ours ? [{ name, keeps, cells: [] }] : [];
    const why = cannot[trial.work];
    if (why === undefined) return [{ name, keeps, cells: [] }];
    leftOut.push({ name, why });
    return [];
  });
}

/** Only where somebody looks. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function describeCommit(): string {
  try {
    return `commit ${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : " with changes"}`;
  } catch {
    return "no commit";
  }
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

await main(process.argv.slice(2));
