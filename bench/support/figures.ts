/** Owns how benchmarks say what they measured: the machine, quantiles, aligned rows. */

import { cpus } from "node:os";

export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} x ${cpu?.model ?? "unknown"}, Node ${process.version}`;
}

/** @throws Error where there is nothing to take it of. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new Error("Cannot take a quantile of nothing");
  return value;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One row of a table: what was measured, then its figures. */
export function row(what: string, ...figures: readonly string[]): void {
  say(`  ${what.padEnd(46)} ${figures.join(", ")}`);
}

export function spread(valuesMs: readonly number[]): readonly string[] {
  const at = (share: number): string => quantile(valuesMs, share).toFixed(1);
  return [`p50 ${at(0.5)} ms`, `p99 ${at(0.99)} ms`, `max ${at(1)} ms`, `${valuesMs.length} samples`];
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A condition without which no figure is worth reporting. */
export function insist(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`Cannot report: ${what}`);
}
