/** Owns what a storm prints: its figures as text and JSON, and of each violated stream its whole history. */

import { quantile, row, say } from "../support/figures.ts";
import type { Hit } from "./faults.ts";
import type { InvocationRecord } from "./leftovers.ts";
import type { Judged, StormResult } from "./storm.ts";

export interface Figures {
  readonly seed: number;
  readonly durationMs: number;
  readonly sideBySide: number;
  readonly streams: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
  /** By outcome, of those whose creator got no answer. */
  readonly unanswered: Readonly<Record<string, number>>;
  readonly readers: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  /** Not answered, or met a restart: done or not. */
  readonly unknownFaults: Readonly<Record<string, number>>;
  readonly missedFaults: number;
  readonly connections: number;
  readonly reconnects: number;
  readonly attempts: number;
  readonly handovers: number;
  readonly events: number;
  readonly bytes: number;
  readonly gapMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly losses: number;
  readonly duplicates: number;
  readonly alterations: number;
  readonly violations: number;
}

export function figuresOf({ options, streams, unanswered, hits, misses, tally, leftovers }: StormResult): Figures {
  const runs = streams.map(({ run }) => run);
  const readers = runs.flatMap(({ witnesses }) => witnesses);
  const attempts = runs.flatMap(({ status }) => status?.attempts ?? []);
  const gap = (share: number): number => (tally.gapsMs.length === 0 ? 0 : Math.round(quantile(tally.gapsMs, share)));
  return {
    seed: options.seed,
    durationMs: options.durationMs,
    sideBySide: options.streams,
    streams: countBy(runs.map(({ plan }) => plan.example)),
    outcomes: countBy(runs.map(({ status }) => status?.outcome ?? "none")),
    unanswered: countBy(unanswered.map((status) => status?.outcome ?? "none")),
    readers: countBy(readers.map(({ kind }) => kind)),
    faults: countBy(namesOf(hits, "done")),
    unknownFaults: countBy(namesOf(hits, "unknown")),
    missedFaults: misses,
    connections: tally.connections,
    reconnects: Math.max(0, tally.connections - readers.length),
    attempts: attempts.length,
    handovers: attempts.filter(({ end }) => end === "handed-over").length,
    events: tally.events,
    bytes: tally.bytes,
    gapMs: { p50: gap(0.5), p99: gap(0.99), max: gap(1) },
    losses: tally.losses,
    duplicates: tally.duplicates,
    alterations: tally.alterations,
    violations: leftovers.length + streams.reduce((sum, { violations }) => sum + violations.length, 0),
  };
}

function namesOf(hits: readonly Hit[], wanted: Hit["effect"]): readonly string[] {
  return hits.filter(({ effect }) => effect === wanted).map(({ fault }) => fault);
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ") || "none";
}

export function printFigures(figures: Figures): void {
  row("streams", list(figures.streams));
  row("outcomes", list(figures.outcomes));
  row("streams whose creator got no answer", list(figures.unanswered));
  row("readers", list(figures.readers), `${figures.connections} connections`, `${figures.reconnects} reconnects`);
  row("faults", list(figures.faults));
  row("faults that were not answered", list(figures.unknownFaults));
  row("faults that found nothing to do", String(figures.missedFaults));
  row("attempts", String(figures.attempts), `${figures.handovers} handovers`);
  row("read", `${figures.events} events`, `${(figures.bytes / 1e6).toFixed(1)} MB`);
  row("gap between two events of a reader", `p50 ${figures.gapMs.p50} ms`, `p99 ${figures.gapMs.p99} ms`, `max ${figures.gapMs.max} ms`);
  row("lost, twice, altered", String(figures.losses), String(figures.duplicates), String(figures.alterations));
  row("violations", String(figures.violations));
  say(JSON.stringify(figures));
}

/** Everything that was done to a stream and seen of it, in order of time. */
export function historyOf({ run, violations }: Judged, { hits, invocations }: StormResult): string {
  const since = (atMs: number): string => `${((atMs - run.begunAtMs) / 1_000).toFixed(3).padStart(8)} s`;
  const endMs = Math.max(...run.witnesses.flatMap(({ notes }) => notes.map(({ atMs }) => atMs)), run.begunAtMs);
  const felt = hits.filter(({ streamId, atMs }) => streamId === run.id || (streamId === null && atMs >= run.begunAtMs - 20_000 && atMs <= endMs));
  const attempts = (run.status?.attempts ?? []).flatMap(({ attempt, invokedAt, dialledAt, endedAt, lastSeq, reason }) => [
    { atMs: invokedAt, text: `attempt ${attempt} invoked` },
    ...(dialledAt === null ? [] : [{ atMs: dialledAt, text: `attempt ${attempt} dialled in` }]),
    ...(endedAt === null ? [] : [{ atMs: endedAt, text: `attempt ${attempt} ended behind ${lastSeq}: ${reason}` }]),
  ]);
  const lines = [
    ...felt.map(({ atMs, fault, did }) => ({ atMs, text: `FAULT ${fault} ${did}` })),
    ...attempts,
    ...invocations.filter(({ streamId }) => streamId === run.id).flatMap(linesOf),
    ...(run.cancelledAtMs === null ? [] : [{ atMs: run.cancelledAtMs, text: "cancel was asked for" }]),
    ...run.witnesses.flatMap(({ kind, notes }, index) => notes.map(({ atMs, text }) => ({ atMs, text: `reader ${index} (${kind}) ${text}` }))),
  ].toSorted((a, b) => a.atMs - b.atMs);
  return [
    `${run.id}: place ${run.slot}, ${run.plan.path}, begun by ${run.plan.begunBy}, ended as ${run.status?.outcome} behind ${run.status?.lastSeq}`,
    ...violations.map((violation) => `  VIOLATION ${violation}`),
    ...lines.map(({ atMs, text }) => `  ${since(atMs)}  ${text}`),
  ].join("\n");
}

function linesOf({ attempt, startedAtMs, endedAtMs, outcome, error }: InvocationRecord): readonly { readonly atMs: number; readonly text: string }[] {
  return [
    ...(startedAtMs === null ? [] : [{ atMs: startedAtMs, text: `a function got attempt ${attempt}` }]),
    ...(endedAtMs === null ? [] : [{ atMs: endedAtMs, text: `a function ended attempt ${attempt}: ${outcome} ${error}` }]),
  ];
}

/** Empty where nothing was violated; else all one needs to see it again. */
export function accusationOf(result: StormResult): string {
  const guilty = result.streams.filter(({ run, violations }) => violations.length > 0 || result.leftovers.some((what) => what.includes(run.id)));
  if (guilty.length === 0 && result.leftovers.length === 0) return "";
  return [
    `The storm with the seed ${result.options.seed} found:`,
    ...result.leftovers.map((what) => `VIOLATION ${what}`),
    ...guilty.map((judged) => historyOf(judged, result)),
  ].join("\n");
}
