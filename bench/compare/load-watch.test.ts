/** How busy the load generator says it was. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { loadFigures, watchLoad } from "./load-watch.ts";

test("a busy loop is seen as busy and late", async () => {
  const watch = watchLoad();
  await sleep(10);
  for (const endAtMs = performance.now() + 60; performance.now() < endAtMs; );
  const figures = loadFigures([watch.stop()]);
  expect(figures.lateMaxMs).toBeGreaterThan(40);
  expect(figures.busy).toBeGreaterThan(10);
});

test("spans that were watched count by what they lasted", () => {
  const figures = loadFigures([
    { busyMs: 10, lastedMs: 10, lateMs: [1, 2] },
    { busyMs: 0, lastedMs: 30, lateMs: [7] },
  ]);
  expect(figures).toEqual({ busy: 25, lateP99Ms: 7, lateMaxMs: 7 });
});
