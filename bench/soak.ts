/** Soaks the gateway: readers that come, stall and go at random for a while; fails on an event lost or seen twice. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startStack } from "../local/stack.ts";
import type { Stack } from "../local/stack.ts";
import { Streams } from "./soak/streams.ts";
import { Visitor } from "./soak/visitor.ts";
import type { Tally } from "./soak/visitor.ts";
import { machine, median, megabytes, row, say } from "./support/figures.ts";
import { mostOf, rssOf, slopeOf, watchMemory } from "./support/memory.ts";
import type { Sample } from "./support/memory.ts";
import { readCount, readOrExit } from "./support/options.ts";
import { Random } from "./support/random.ts";

interface Options {
  readonly minutes: number;
  readonly readers: number;
  readonly seed: number;
}

const memoryEveryMs = 1_000;
const reportEveryMs = 60_000;
/** They do not all come at once. */
const arrivalMs = 10_000;

async function main(options: Options): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-soak-"));
  const stack = await startStack({
    port: 0,
    dir,
    functionDirs: [fileURLToPath(new URL("../examples/functions", import.meta.url))],
    vars: {
      TICKET_SECRET: "bench-secret-0123456789-0123456789-01",
      // Shorter than the longest stall, so that some are cut off; logs go while the soak is on.
      MAX_STALL_MS: 4_000,
      STREAM_DEFAULTS: { retentionMs: 120_000 },
      ROUTES: [{ path: "/count", kind: "events", function: "count", region: "us-east-1" }],
    },
  });
  try {
    await soak(stack, options);
  } finally {
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function soak(stack: Stack, { minutes, readers, seed }: Options): Promise<void> {
  say(machine());
  say(`${readers} readers for ${minutes} minutes, seed ${seed}`);
  const tally: Tally = { joins: 0, stalls: 0, leaves: 0, cuts: 0, completions: 0, events: 0, losses: 0, duplicates: 0, wrongs: new Set() };
  const startBytes = rssOf(stack.worker.pid);
  const watch = watchMemory(() => stack.worker.pid, memoryEveryMs);
  const signal = AbortSignal.timeout(minutes * 60_000);
  const streams = new Streams(stack);
  const progress = setInterval(() => say(progressOf(tally, watch.samples)), reportEveryMs);
  const random = new Random(seed);
  const visits = Array.from({ length: readers }, async () => {
    const own = new Random(Math.floor(random.next() * 2 ** 32));
    await sleep(own.next() * arrivalMs);
    await new Visitor(stack.worker.url, streams, own, tally).run(signal);
  });
  try {
    const running = streams.keepRunning(signal);
    await sleep(minutes * 60_000);
    const samples = [...watch.samples];
    await Promise.all([running, ...visits]);
    report(tally, streams.begun, startBytes, samples);
  } finally {
    clearInterval(progress);
    watch.stop();
  }
}

function progressOf(tally: Tally, samples: readonly Sample[]): string {
  return `  ... ${tally.joins} joins, ${tally.events} events, ${tally.losses} lost, ${tally.duplicates} twice, workerd ${megabytes(samples.at(-1)?.rssBytes ?? 0)}`;
}

function report(tally: Tally, streams: number, startBytes: number, samples: readonly Sample[]): void {
  const lastHalf = samples.slice(Math.floor(samples.length / 2));
  row("streams run to their end", String(streams));
  row("joins", String(tally.joins), `${tally.stalls} stalls`, `${tally.leaves} leaves`, `${tally.cuts} cut off`, `${tally.completions} read to the end`);
  row("events read", tally.events.toLocaleString("en"), `${tally.losses} lost`, `${tally.duplicates} twice`, `${tally.wrongs.size} other wrongs`);
  row("memory of workerd", `start ${megabytes(startBytes)}`, `plateau ${megabytes(median(lastHalf.map(({ rssBytes }) => rssBytes)))}`, `max ${megabytes(mostOf(samples))}`);
  row("  over the last half", `${megabytes(slopeOf(lastHalf))} a minute`);
  for (const wrong of tally.wrongs) say(`  wrong: ${wrong}`);
  if (tally.losses + tally.duplicates + tally.wrongs.size > 0) process.exitCode = 1;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: { minutes: { type: "string" }, readers: { type: "string" }, seed: { type: "string" } },
  });
  return { minutes: readCount("minutes", values.minutes, 10, 1), readers: readCount("readers", values.readers, 300, 1), seed: readCount("seed", values.seed, 1, 0) };
}

await main(readOrExit(readOptions));
