/** Measures handovers at the client: the gap between the last event of one attempt and the first of the next. */

import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createParser } from "eventsource-parser";
import { startStack } from "../local/stack.ts";

const wantedHandovers = 200;
const streams = 5;
const intervalMs = 50;
const lambdaTimeoutMs = 4_000;
/** The limit less a quarter of it. */
const attemptMs = 3_000;
const eventsPerStream = Math.ceil(((wantedHandovers / streams + 1) * attemptMs) / intervalMs);

interface Arrival {
  readonly n: number;
  readonly attempt: number;
  readonly atMs: number;
}

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-bench-"));
  const stack = await startStack({
    port: 0,
    dir,
    lambdaTimeoutMs,
    functionDirs: [fileURLToPath(new URL("../e2e/functions", import.meta.url))],
    vars: { TICKET_SECRET: "bench-secret-0123456789-0123456789-01", ROUTES: [{ path: "/count", kind: "events", function: "continuing", region: "us-east-1" }] },
  });
  try {
    const url = new URL(`/count?n=${eventsPerStream}&intervalMs=${intervalMs}`, stack.url);
    // One after the other, so that not all successors start cold in the same moment.
    const starts = Array.from({ length: streams }, (_, index) => (index * attemptMs) / streams);
    const all = await Promise.all(starts.map(async (delayMs) => sleep(delayMs).then(async () => read(url))));
    report(all);
  } finally {
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function read(url: URL): Promise<readonly Arrival[]> {
  const arrivals: Arrival[] = [];
  const response = await fetch(url, { headers: { accept: "text/event-stream" } });
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event !== undefined) return;
      const { n, attempt } = parse(data);
      arrivals.push({ n, attempt, atMs: performance.now() });
    },
  });
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) parser.feed(text);
  if (arrivals.length !== eventsPerStream || arrivals.some(({ n }, index) => n !== index + 1)) {
    throw new Error(`Cannot report: a stream brought ${arrivals.length} of ${eventsPerStream} events, or not each once and in order`);
  }
  return arrivals;
}

function parse(data: string): { n: number; attempt: number } {
  const value: unknown = JSON.parse(data);
  if (typeof value === "object" && value !== null && "n" in value && "attempt" in value) return { n: Number(value.n), attempt: Number(value.attempt) };
  throw new Error(`Cannot read the event ${data}`);
}

function report(all: readonly (readonly Arrival[])[]): void {
  const pairs = all.flatMap((arrivals) => arrivals.slice(1).map((next, index) => [arrivals[index], next] as const));
  const gaps = (across: boolean): number[] =>
    pairs.flatMap(([before, next]) => (before !== undefined && (before.attempt !== next.attempt) === across ? [next.atMs - before.atMs] : []));
  const [machine] = cpus();
  const lines = [
    `${cpus().length} x ${machine?.model ?? "unknown"}, Node ${process.version}`,
    `${streams} streams side by side, staggered, an event every ${intervalMs} ms, time limit ${lambdaTimeoutMs} ms, a cold start for each successor`,
    `handovers: ${gaps(true).length}; events: ${all.length * eventsPerStream}, each once and in order`,
    row("gap at a handover", gaps(true)),
    row("  beyond the handler's pace", gaps(true).map((gap) => Math.max(0, gap - intervalMs))),
    row("gap elsewhere", gaps(false)),
    row("  beyond the handler's pace", gaps(false).map((gap) => Math.max(0, gap - intervalMs))),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function row(what: string, values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const quantile = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
  return `${what.padEnd(30)} p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, max ${quantile(1)} ms`;
}

await main();
