/** Owns what a storm must have had in it for its silence to mean anything. */

import type { Figures } from "./report.ts";

const examples = ["body", "count", "tokens"];
const readerKinds = ["client", "event-source", "fetch", "range"];
const faultKinds = [
  "kill-lambda",
  "freeze-lambda",
  "thaw-lambda",
  "drop-producer",
  "blackhole-producer",
  "duplicate-invocation",
  "delay-invocation",
  "refuse-invocation",
  "evict-stream",
  "abort-stream",
  "restart-worker",
  "drop-consumers",
];
/** Of all streams. Each of these is explained by three faults; where many are, the faults or the product are not what they should be. */
const maxGivenUpShare = 0.05;

/** What was missing; empty for a storm that counts. */
export function missingIn(figures: Figures): readonly string[] {
  const { streams, readers, faults, handovers, events, bytes, outcomes, unanswered } = figures;
  const ended = [...Object.entries(outcomes), ...Object.entries(unanswered)];
  const begun = total(ended);
  const givenUp = total(ended.filter(([outcome]) => outcome !== "completed" && outcome !== "cancelled"));
  return [
    ...absent("stream of", examples, streams),
    ...absent("reader of the kind", readerKinds, readers),
    ...absent("hit by", faultKinds, faults),
    ...absent("count of", ["handovers", "events", "bytes"], { handovers, events, bytes }),
    ...(givenUp > begun * maxGivenUpShare ? [`${givenUp} of ${begun} streams neither completed nor were cancelled`] : []),
  ];
}

function absent(what: string, names: readonly string[], counts: Readonly<Record<string, number>>): readonly string[] {
  return names.filter((name) => (counts[name] ?? 0) === 0).map((name) => `no ${what} ${name}`);
}

function total(counts: readonly (readonly [name: string, count: number])[]): number {
  return counts.reduce((sum, [, count]) => sum + count, 0);
}
