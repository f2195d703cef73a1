/** P1 and P4 over kills of workerd under load: the crash run of the benchmarks, short, and proof that it was not for nothing. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { crash } from "../bench/crash/run.ts";
import { openStage, styles } from "../bench/crash/stage.ts";
import type { Stage } from "../bench/crash/stage.ts";

const kills = 15;
const limitMs = 400_000;

let stage: Stage | null = null;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
});

test(`P1, P4: ${kills} kills of workerd under ${styles.length} streams at full pace lose nothing that was seen or acknowledged, and let nobody in who was fenced`, { timeout: limitMs }, async () => {
  if (stage === null) throw new Error("The stage is there once the tests run");
  const tally = await crash(stage, { kills, seed: 1 });
  expect(tally.findings).toEqual([]);

  expect([tally.kills, styles.length]).toEqual([kills, 6]);
  expect(tally.streams).toBeGreaterThanOrEqual(styles.length);
  for (const { acknowledged, seen, unacknowledged } of Object.values(tally.counts)) {
    expect([acknowledged > 0, seen > 0, unacknowledged > 0]).toEqual([true, true, true]);
  }
  expect(tally.killsUnderWay).toBeGreaterThan(0);
  expect([tally.checkpointsAnnounced > 0, tally.checkpointsGiven > 0, tally.successors > 0, tally.newborns > 0]).toEqual([true, true, true, true]);
  // Files are looked at at every other kill, those of each stream.
  expect(tally.copies).toBe(Math.ceil(kills / 2) * styles.length);
  expect(tally.tornCopies).toBeGreaterThan(0);
  for (const { refused, welcomed, ignored } of [tally.strays.late, tally.strays.duplicate, tally.strays.thawed]) {
    expect([refused > 0, welcomed, ignored]).toEqual([true, 0, 0]);
  }
});
