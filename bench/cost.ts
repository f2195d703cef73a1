/** Counts what streams of 1,000 tokens cost by commit interval, and computes dollars per million of them. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "../local/stack.ts";

export const tokens = 1_000;

/** Dollars, from the price list of November 2026. */
const prices = { workerRequest: 0.3e-6, objectRequest: 0.15e-6, rowWritten: 1e-6, gigabyteSecond: 12.5e-6, objectGigabytes: 0.128, messagesPerRequest: 20 };

/** Of one stream. */
export type Cost = Readonly<Record<"commits" | "rowsWritten" | "messagesIn" | "requests" | "activeMs", number>>;

export interface CostOptions {
  /** An empty folder. */
  readonly dir: string;
  readonly commitIntervalsMs: readonly number[];
  /** Between two tokens, a whole number. */
  readonly pacesMs: readonly number[];
  /** Of each kind, over which costs are averaged. */
  readonly streams: number;
}

export interface Counted {
  readonly commitIntervalMs: number;
  readonly paceMs: number;
  readonly cost: Cost;
}

export async function countCosts({ dir, commitIntervalsMs, pacesMs, streams }: CostOptions): Promise<readonly Counted[]> {
  const stack = await startStack({
    port: 0,
    dir,
    vars: {
      TICKET_SECRET: "bench-secret-0123456789-0123456789-01",
      ROUTES: commitIntervalsMs.map((commitIntervalMs) => ({
        path: `/every/${commitIntervalMs}`,
        kind: "events",
        function: "count",
        region: "us-east-1",
        settings: { commitIntervalMs },
      })),
    },
  });
  try {
    const counted: Counted[] = [];
    for (const commitIntervalMs of commitIntervalsMs) {
      for (const paceMs of pacesMs) {
        const url = new URL(`/every/${commitIntervalMs}?n=${tokens}&intervalMs=${paceMs}`, stack.url);
        counted.push({ commitIntervalMs, paceMs, cost: await measure(url, streams) });
      }
    }
    return counted;
  } finally {
    await stack.close();
  }
}

async function measure(url: URL, streams: number): Promise<Cost> {
  const costs = await Promise.all(Array.from({ length: streams }, async (_, index) => sleep(index * 200).then(async () => run(url))));
  const mean = (name: keyof Cost): number => costs.reduce((total, cost) => total + cost[name], 0) / costs.length;
  return { commits: mean("commits"), rowsWritten: mean("rowsWritten"), messagesIn: mean("messagesIn"), requests: mean("requests"), activeMs: mean("activeMs") };
}

async function run(url: URL): Promise<Cost> {
  const response = await fetch(url, { headers: { accept: "text/event-stream" } });
  const text = await response.text();
  if (!text.includes(`-${tokens}\n`) || !text.includes('"completed"')) throw new Error("Cannot report: a stream did not bring all its tokens");
  const status = await fetch(new URL(`/streams/${response.headers.get("stream-id")}/status`, url));
  return readCost(await status.json());
}

function readCost(status: unknown): Cost {
  if (typeof status === "object" && status !== null && "cost" in status && typeof status.cost === "object" && status.cost !== null) {
    const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(status.cost));
    const read = (name: keyof Cost): number => Number(fields.get(name));
    return { commits: read("commits"), rowsWritten: read("rowsWritten"), messagesIn: read("messagesIn"), requests: read("requests"), activeMs: read("activeMs") };
  }
  throw new Error("Cannot report: the status has no cost");
}

/** For a million streams. */
export function dollarsOf(cost: Cost): Readonly<Record<"rows" | "requests" | "duration" | "total", number>> {
  const rows = cost.rowsWritten * prices.rowWritten * 1e6;
  const requests = ((cost.requests + cost.messagesIn / prices.messagesPerRequest) * prices.objectRequest + 2 * prices.workerRequest) * 1e6;
  const duration = (cost.activeMs / 1_000) * prices.objectGigabytes * prices.gigabyteSecond * 1e6;
  return { rows, requests, duration, total: rows + requests + duration };
}

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-bench-"));
  const paceMs = 20;
  try {
    process.stdout.write(`streams of ${tokens} tokens, one every ${paceMs} ms, one reader each\n\n`);
    process.stdout.write("| commitIntervalMs | commits | rows | messages in | requests | active s | $ rows | $ requests | $ duration | $ a million streams |\n");
    process.stdout.write("|---|---|---|---|---|---|---|---|---|---|\n");
    const counted = await countCosts({ dir, commitIntervalsMs: [20, 50, 100, 250, 1_000], pacesMs: [paceMs], streams: 3 });
    for (const each of counted) process.stdout.write(`${row(each)}\n`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function row({ commitIntervalMs, cost }: Counted): string {
  const { rows, requests, duration, total } = dollarsOf(cost);
  const counts = [cost.commits, cost.rowsWritten, cost.messagesIn, cost.requests].map((count) => count.toFixed(0));
  const dollars = [rows, requests, duration, total].map((each) => each.toFixed(2));
  return `| ${[commitIntervalMs, ...counts, (cost.activeMs / 1_000).toFixed(1), ...dollars].join(" | ")} |`;
}

if (import.meta.main) await main();
