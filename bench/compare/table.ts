/** Owns how results are shown: an aligned table a trial, its targets below it, and the same as JSON. */

import type { Entrant, Results, Summary } from "./results.ts";
import type { Scale } from "./scale.ts";
import { ours } from "./trial.ts";
import type { Column, Target, Trial } from "./trial.ts";

const maxWhyChars = 300;

/** A trial that was run. */
export interface Run {
  readonly trial: Trial;
  readonly scale: Scale;
  readonly results: Results;
}

export function toText({ trial, scale, results }: Run): string {
  const columns = trial.columns(scale);
  const failed = results.entrants.flatMap((entrant) => failuresOf(entrant));
  const shown = results.entrants.filter(({ cells }) => cells.some(({ kind }) => kind === "done"));
  const rows = [
    ["", "kept", ...columns.map(({ title }) => title)],
    ...shown.map(({ name, keeps }) => [name, keeps, ...columns.map((column) => figure(results.summary(name, column.key), name === ours ? { ...column, ratio: "left out" } : column))]),
  ];
  const notes = results.entrants.flatMap(({ name, cells }) => cells.flatMap((cell) => (cell.kind === "done" ? cell.notes.map((note) => `  ${name}: ${note}`) : [])));
  const leftOut = results.leftOut.map(({ name, why }) => `${name} (${why})`);
  return [
    `${trial.name}: ${trial.does(scale)}`,
    ...align(rows).map((line) => `  ${line}`),
    ...failed.map((line) => `  ${line}`),
    ...notes,
    ...(leftOut.length === 0 ? [] : [`  left out: ${leftOut.join(", ")}`]),
    ...targetsOf({ trial, scale, results }).map((target) => `  target: ${toLine(target)}`),
    "",
  ].join("\n");
}

/** All of them, so that nobody has to look for what was missed. */
export function toSummary(runs: readonly Run[]): string {
  const lines = runs.flatMap((run) => targetsOf(run).map((target) => ({ ...target, what: `${run.trial.name}: ${target.what}` })));
  const order = ["MISSED", "not judged", "met"];
  const sorted = lines.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  return ["Targets", ...sorted.map((target) => `  ${target.verdict.padEnd(10)} ${target.what}${target.found === null ? "" : `: ${target.found}`}`), ""].join("\n");
}

export function toJson(runs: readonly Run[]): readonly object[] {
  return runs.map(({ trial, scale, results }) => ({
    work: trial.name,
    does: trial.does(scale),
    contenders: results.entrants.map(({ name, keeps, cells }) => ({
      name,
      keeps,
      rounds: cells,
      summary: Object.fromEntries(trial.columns(scale).map(({ key }) => [key, results.summary(name, key)])),
    })),
    leftOut: results.leftOut,
    targets: targetsOf({ trial, scale, results }),
  }));
}

/** Where ours was tried and has no figure, that is an answer. */
function targetsOf({ trial, scale, results }: Run): readonly Target[] {
  const hasFigures = trial.columns(scale).every(({ key }) => results.median(ours, key) !== null);
  const wasTried = results.failedRounds(ours) !== null;
  return trial.targets(results, scale).map((target) => (wasTried && !hasFigures && target.found === null ? { ...target, found: "no figure", verdict: "MISSED" } : target));
}

function failuresOf({ name, cells }: Entrant): readonly string[] {
  return cells.flatMap((cell, index) => (cell.kind === "failed" ? [`${name}, round ${index + 1}, FAILED: ${oneLine(cell.why)}`] : []));
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, maxWhyChars);
}

function toLine({ what, found, verdict }: Target): string {
  return found === null ? `${what}: ${verdict}` : `${what}: ${found}, ${verdict}`;
}

/** Median, the least and most of the rounds, and the ratio to ours. */
function figure(summary: Summary | null, { digits, ratio }: Column): string {
  if (summary === null) return "-";
  const { median, least, most } = summary;
  const range = least === most ? "" : ` (${least.toFixed(digits)}-${most.toFixed(digits)})`;
  const times = ratio === "left out" || summary.ratio === null || !Number.isFinite(summary.ratio) ? "" : ` x${toRatio(summary.ratio)}`;
  return `${median.toFixed(digits)}${range}${times}`;
}

/** Two digits that say something, however small it is. */
function toRatio(ratio: number): string {
  return ratio === 0 || ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2);
}

function align(rows: readonly (readonly string[])[]): readonly string[] {
  const [first = []] = rows;
  const widths = first.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}
