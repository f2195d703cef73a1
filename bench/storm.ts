/** Storms the gateway: streams, readers and faults at random for a while; fails on anything a promise does not allow. */

import { machine, say } from "./support/figures.ts";
import { readOrExit } from "./support/options.ts";
import { readOptions } from "./storm/options.ts";
import { accusationOf, figuresOf, historyOf, printFigures } from "./storm/report.ts";
import { storm } from "./storm/storm.ts";
import type { StormOptions } from "./storm/storm.ts";
import { missingIn } from "./storm/substance.ts";

async function main(options: StormOptions): Promise<void> {
  say(machine());
  say(`${options.streams} streams side by side for ${options.durationMs / 60_000} minutes, seed ${options.seed}`);
  const result = await storm(options);
  const figures = figuresOf(result);
  printFigures(figures);
  for (const judged of result.streams) {
    // A truthful end, and worth a look all the same.
    if (judged.run.status?.outcome === "failed" && judged.violations.length === 0) say(historyOf(judged, result));
  }
  const accusation = accusationOf(result);
  const missing = missingIn(figures);
  if (accusation === "" && missing.length === 0) return;
  if (accusation !== "") say(accusation);
  if (missing.length > 0) say(`The storm shows nothing, for there was ${missing.join(", ")}`);
  say(`Again: npm run storm -- --minutes ${options.durationMs / 60_000} --streams ${options.streams} --seed ${options.seed}`);
  process.exitCode = 1;
}

await main(readOrExit(() => readOptions(process.argv.slice(2))));
