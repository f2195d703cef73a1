/** Owns the tests of what a crash run must have met. */

import { expect, test } from "vitest";
import { styles } from "./stage.ts";
import { Tally } from "./tally.ts";
import { missesOf } from "./worth.ts";

const kills = 3;
const answers = { refused: 1, "cut off": 0, dropped: 0, welcomed: 0, ignored: 0 };
const counts = { stored: 1, acknowledged: 1, seen: 1, unacknowledged: 1, storedUnacknowledged: 0, lostUnacknowledged: 1 };

const tallyOf = (more: Partial<Tally>): Tally =>
  Object.assign(new Tally(), {
    kills,
    streams: styles.length,
    killsUnderWay: 1,
    checkpointsAnnounced: 1,
    checkpointsGiven: 1,
    successors: 1,
    newborns: 1,
    copies: 2 * styles.length,
    tornCopies: 1,
    counts: { events: counts, bytes: counts },
    strays: { late: answers, duplicate: answers, thawed: answers, "after the end": answers },
    ...more,
  });

test("nothing is missing of a run that met all there is to meet", () => {
  expect(missesOf(tallyOf({}), kills)).toEqual([]);
});

test.each<[what: string, more: Partial<Tally>]>([
  ["3 kills", { kills: 2 }],
  ["a stream of each style", { streams: styles.length - 1 }],
  ["a kill that met a commit under way", { killsUnderWay: 0 }],
  ["a checkpoint announced", { checkpointsAnnounced: 0 }],
  ["a checkpoint given to who went on", { checkpointsGiven: 0 }],
  ["a successor", { successors: 0 }],
  ["a stream created in passing", { newborns: 0 }],
  ["each stream's file at every other kill", { copies: styles.length }],
  ["a file torn off within the log", { tornCopies: 0 }],
  ["bytes acknowledged", { counts: { events: counts, bytes: { ...counts, acknowledged: 0 } } }],
  ["bytes seen", { counts: { events: counts, bytes: { ...counts, seen: 0 } } }],
  ["events not acknowledged at a kill", { counts: { events: { ...counts, unacknowledged: 0 }, bytes: counts } }],
  ["a fenced producer refused (after the end)", { strays: { late: answers, duplicate: answers, thawed: answers, "after the end": { ...answers, refused: 0, "cut off": 9 } } }],
])("a run that lacks %s was for nothing", (what, more) => {
  expect(missesOf(tallyOf(more), kills)).toEqual([what]);
});

test("a run without a kill was for nothing", () => {
  expect(missesOf(new Tally(), 0)).toContain("0 kills");
});
