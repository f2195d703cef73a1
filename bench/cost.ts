/** Counts what streams of 1,000 tokens cost by commit interval, and computes dollars per million of them. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack } from "../local/stack.ts";

const intervalsMs = [20, 50, 100, 250, 1_000];
const tokens = 1_000;
const paceMs = 20;
const streamsPerInterval = 3;

/** Dollars, from the price list of November 2026. */
const prices = { workerRequest: 0.3e-6, objectRequest: 0.15e-6, rowWritten: 1e-6, gigabyteSecond: 12.5e-6, objectGigabytes: 0.128, messagesPerRequest: 20 };

type Cost = Readonly<Record<"commits" | "rowsWritten" | "messagesIn" | "requests" | "activeMs", number>>;

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-bench-"));
  const stack = await startStack({
    port: 0,
    dir,
    vars: {
      TICKET_SECRET: "bench-secret-0123456789-0123456789-01",
      ROUTES: intervalsMs.map((commitIntervalMs) => ({
        path: `/every/${commitIntervalMs}`,
        kind: "events",
        function: "count",
        region: "us-east-1",
        settings: { commitIntervalMs },
      })),
    },
  });
  try {
    process.stdout.write(`streams of ${tokens} tokens, one every ${paceMs} ms, one reader each\n\n`);
    process.stdout.write("| commitIntervalMs | commits | rows | messages in | requests | active s | $ rows | $ requests | $ duration | $ a million streams |\n");
    process.stdout.write("|---|---|---|---|---|---|---|---|---|---|\n");
    for (const intervalMs of intervalsMs) process.stdout.write(`${row(intervalMs, await measure(stack.url, intervalMs))}\n`);
  } finally {
    await stack.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function measure(url: URL, intervalMs: number): Promise<Cost> {
  const costs = await Promise.all(Array.from({ length: streamsPerInterval }, async (_, index) => sleep(index * 200).then(async () => run(url, intervalMs))));
  const sum = (name: keyof Cost): number => costs.reduce((total, cost) => total + cost[name], 0) / costs.length;
  return { commits: sum("commits"), rowsWritten: sum("rowsWritten"), messagesIn: sum("messagesIn"), requests: sum("requests"), activeMs: sum("activeMs") };
}

async function run(url: URL, intervalMs: number): Promise<Cost> {
  const response = await fetch(new URL(`/every/${intervalMs}?n=${tokens}&intervalMs=${paceMs}`, url), { headers: { accept: "text/event-stream" } });
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

function row(intervalMs: number, cost: Cost): string {
  const rows = cost.rowsWritten * prices.rowWritten;
  const requests = (cost.requests + cost.messagesIn / prices.messagesPerRequest) * prices.objectRequest + 2 * prices.workerRequest;
  const duration = (cost.activeMs / 1_000) * prices.objectGigabytes * prices.gigabyteSecond;
  const counts = [cost.commits, cost.rowsWritten, cost.messagesIn, cost.requests].map((count) => count.toFixed(0));
  return `| ${[intervalMs, ...counts, (cost.activeMs / 1_000).toFixed(1), million(rows), million(requests), million(duration), million(rows + requests + duration)].join(" | ")} |`;
}

/** Dollars for a million streams. */
function million(dollars: number): string {
  return (dollars * 1e6).toFixed(2);
}

await main();
