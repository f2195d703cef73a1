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

/** Of an even count the mean of the middle two: with two rounds, either of them alone would be the better or the worse. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const middle = sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1);
  if (middle.length === 0) throw new Error("Cannot take a median of nothing");
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
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
