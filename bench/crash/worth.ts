/** Owns what a crash run must have met: one that lacks any of it may find nothing because there was nothing to be found. */

import { styles } from "./stage.ts";
import type { Counts, Tally } from "./tally.ts";

type Met = readonly [what: string, met: boolean];

/** In words, what a run of that many kills did not meet; empty where it was not for nothing. */
export function missesOf(tally: Tally, kills: number): readonly string[] {
  const met: readonly Met[] = [
    [`${kills} kills`, tally.kills === kills && kills > 0],
    ["a stream of each style", tally.streams >= styles.length],
    ["a kill that met a commit under way", tally.killsUnderWay > 0],
    ["a checkpoint announced", tally.checkpointsAnnounced > 0],
    ["a checkpoint given to who went on", tally.checkpointsGiven > 0],
    ["a successor", tally.successors > 0],
    ["a stream created in passing", tally.newborns > 0],
    // Files are looked at at every other kill, those of each stream.
    ["each stream's file at every other kill", tally.copies === Math.ceil(kills / 2) * styles.length],
    ["a file torn off within the log", tally.tornCopies > 0],
    ...Object.entries(tally.counts).flatMap(([mode, counts]) => countsMet(mode, counts)),
    ...Object.entries(tally.strays).map(([kind, { refused }]): Met => [`a fenced producer refused (${kind})`, refused > 0]),
  ];
  return met.filter(([, was]) => !was).map(([what]) => what);
}

function countsMet(mode: string, { acknowledged, seen, unacknowledged }: Counts): readonly Met[] {
  return [
    [`${mode} acknowledged`, acknowledged > 0],
    [`${mode} seen`, seen > 0],
    [`${mode} not acknowledged at a kill`, unacknowledged > 0],
  ];
}
