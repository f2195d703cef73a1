/** P1 and P4 over kills of workerd under load: the crash run of the benchmarks, short, and proof that it was not for nothing. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { crash } from "../bench/crash/run.ts";
import { openStage, styles } from "../bench/crash/stage.ts";
import type { Stage } from "../bench/crash/stage.ts";
import { missesOf } from "../bench/crash/worth.ts";

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
  expect(missesOf(tally, kills)).toEqual([]);
});
