/** Owns one storm: streams, readers and faults side by side for a while, then the calm in which everything must end. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { exampleFunctionsDir } from "../../local/functions.ts";
import { startStack } from "../../local/stack.ts";
import type { Stack } from "../../local/stack.ts";
import { Random } from "../support/random.ts";
import { readTokens } from "./contents.ts";
import { Faults, attemptOf, hitsOf, partLate } from "./faults.ts";
import type { Hit } from "./faults.ts";
import { leftBehind, leftIn, ownProcesses, ownSockets, recordsOf } from "./leftovers.ts";
import type { InvocationRecord } from "./leftovers.ts";
import { planFaults, prompts } from "./plan.ts";
import type { FaultPlan } from "./plan.ts";
import { Streams } from "./streams.ts";
import type { Status } from "./status.ts";
import { judge, judgeRefusal, judgeUnanswered } from "./verdict.ts";
import type { StreamRun } from "./verdict.ts";
import type { Tally } from "./witness.ts";

export interface StormOptions {
  readonly durationMs: number;
  readonly streams: number;
  readonly seed: number;
  readonly onLog?: (line: string) => void;
}

export interface Judged {
  readonly run: StreamRun;
  readonly violations: readonly string[];
}

export interface StormResult {
  readonly options: StormOptions;
  readonly streams: readonly Judged[];
  /** Of streams whose creator got no answer; null where there is no end. */
  readonly unanswered: readonly (Status | null)[];
  readonly hits: readonly Hit[];
  readonly invocations: readonly InvocationRecord[];
  readonly misses: number;
  readonly tally: Tally;
  /** Violations of no stream that was read. */
  readonly leftovers: readonly string[];
}

const lambdaTimeoutMs = 8_000;
/** The longest that a stream waits for anything here. */
const attemptStartMs = 8_000;
/** For what the last faults left: three attempts at their longest, and readers who come back. */
const calmLimitMs = 90_000;

export async function storm(options: StormOptions): Promise<StormResult> {
  const processes = ownProcesses();
  const sockets = ownSockets();
  const dir = await mkdtemp(join(tmpdir(), "longstream-storm-"));
  try {
    const stack = await start(dir, options);
    const result = await runAndClose(stack, options);
    return { ...result, leftovers: [...result.leftovers, ...(await leftBehind(processes, sockets))] };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function start(dir: string, { onLog }: StormOptions): Promise<Stack> {
  const region = "us-east-1";
  return startStack({
    port: 0,
    dir,
    functionDirs: [exampleFunctionsDir, fileURLToPath(new URL("../../e2e/functions", import.meta.url))],
    lambdaTimeoutMs,
    ...(onLog === undefined ? {} : { onLog }),
    vars: {
      TICKET_SECRET: "storm-secret-0123456789-0123456789-01",
      // Shorter than the longest stall, so that some readers are cut off.
      MAX_STALL_MS: 4_000,
      STREAM_DEFAULTS: { leaseMs: 4_000, redialMs: 1_500, attemptStartMs, invokeRetryMs: 100, yieldMs: 4_000 },
      ROUTES: [
        { path: "/api/count", methods: ["GET"], kind: "events", function: "count", region },
        { path: "/api/tokens", kind: "events", function: "tokens", region },
        { path: "/answers/body", methods: ["GET"], function: "body", region },
      ],
    },
  });
}

async function runAndClose(stack: Stack, options: StormOptions): Promise<StormResult> {
  try {
    return await run(stack, options);
  } finally {
    await stack.close();
  }
}

async function run(stack: Stack, options: StormOptions): Promise<StormResult> {
  const { durationMs, streams: slots, seed } = options;
  const answers = new Map<string, readonly string[]>();
  for (const prompt of prompts) answers.set(prompt, await readTokens(stack.url, prompt));
  const prologue = recordsOf(stack.lambda.invocations()).map(({ streamId }) => streamId);
  const calm = new AbortController();
  const stop = new AbortController();
  const tally: Tally = { connections: 0, events: 0, bytes: 0, losses: 0, duplicates: 0, alterations: 0, gapsMs: [] };
  const faults = new Faults(stack.control.url);
  const ambush = async (id: string, plans: readonly FaultPlan[]): Promise<void> => faults.bring(plans, () => id, calm.signal);
  const streams = new Streams({ gateway: stack.url, answers, tally, ambush, calm: calm.signal, stop: stop.signal });
  const random = new Random(seed);
  const seeds = Array.from({ length: slots }, () => Math.floor(random.next() * 2 ** 32));
  const running = Promise.all(seeds.map(async (own, slot) => streams.keepRunning(slot, own)));
  const faulting = faults.bring(planFaults(Math.floor(random.next() * 2 ** 32), slots, durationMs), (slot) => streams.at(slot), calm.signal);
  await Promise.race([sleep(durationMs), Promise.all([running, faulting])]);
  const unused = stack.lambda.faults.disarm();
  stack.lambda.faults.thaw(() => true);
  calm.abort();
  const limit = setTimeout(() => stop.abort(), calmLimitMs);
  try {
    await Promise.all([running, faulting]);
    return await judgeAll(stack, { options, streams, faults, unused: unused.length, tally, prologue, stop: stop.signal });
  } finally {
    clearTimeout(limit);
    stop.abort();
  }
}

interface Over extends Pick<StormResult, "options" | "tally"> {
  readonly streams: Streams;
  readonly faults: Faults;
  /** Armed, and met by nobody. */
  readonly unused: number;
  /** Streams from before the storm. */
  readonly prologue: readonly string[];
  readonly stop: AbortSignal;
}

/** What every stream came to, also those whose creator got no answer, and what is left. */
async function judgeAll({ worker, lambda }: Stack, { options, streams, faults, unused, tally, prologue, stop }: Over): Promise<StormResult> {
  const taken = lambda.faults.taken();
  const invokedFor = [...lambda.invocations(), ...taken].flatMap(({ payload }) => attemptOf(payload)?.streamId ?? []);
  const ids = [...new Set([...streams.runs.map(({ id }) => id), ...invokedFor])];
  const { left, statuses } = await leftIn({ gateway: worker.url, invocations: () => lambda.invocations(), ids, stop, lastAlarmMs: attemptStartMs + 1_000 });
  const known = new Set([...prologue, ...streams.runs.map(({ id }) => id)]);
  const unanswered = [...statuses].filter(([id]) => !known.has(id));
  const { hits, late } = partLate([...faults.hits, ...hitsOf(taken)], endsOf(statuses));
  return {
    options,
    streams: streams.runs.map((one) => ({ run: one, violations: judge(one, hits) })),
    unanswered: unanswered.map(([, status]) => status),
    hits,
    invocations: recordsOf(lambda.invocations()),
    misses: faults.misses + late.length + unused,
    tally,
    leftovers: [
      ...left,
      ...streams.refusals.flatMap((refusal) => judgeRefusal(refusal, hits)),
      ...unanswered.flatMap(([id, status]) => judgeUnanswered(id, status, hits)),
    ],
  };
}

function endsOf(statuses: ReadonlyMap<string, Status | null>): ReadonlyMap<string, number> {
  return new Map([...statuses].map(([id, status]) => [id, status?.endedAtMs ?? Number.POSITIVE_INFINITY]));
}
