/** How busy the load generator says it was. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { loadFigures, watchLoad } from "./load-watch.ts";

const busyMs = 60;

test("a busy loop is seen as busy and late", async () => {
  const watch = watchLoad();
  await sleep(10);
  // By what it uses: on a busy machine a while may pass with no work done.
  for (const before = process.cpuUsage(); process.cpuUsage(before).user < busyMs * 1_000; );
  const watched = watch.stop();
  expect(loadFigures([watched]).lateMaxMs).toBeGreaterThan(busyMs / 2);
  expect(watched.busyMs).toBeGreaterThanOrEqual(busyMs);
});

test("spans that were watched count by what they lasted", () => {
  const figures = loadFigures([
    { busyMs: 10, lastedMs: 10, lateMs: [1, 2] },
    { busyMs: 0, lastedMs: 30, lateMs: [7] },
  ]);
  expect(figures).toEqual({ busy: 25, lateP99Ms: 7, lateMaxMs: 7 });
});
