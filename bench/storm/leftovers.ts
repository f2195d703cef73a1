/** Owns what must not be there after a storm: streams without an end, invocations, objects that are woken, processes. */

import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { InvocationInfo } from "../../local/lambda-host/index.ts";
import { attemptOf } from "./faults.ts";
import { endOf, statusOf } from "./status.ts";
import type { Status } from "./status.ts";

/** Shorter than an object stays in memory unasked (10 s), where it forgets what it did not store. */
const looks = 3;
const defaultLookEveryMs = 3_000;
const pollMs = 250;
/** For what is on its way out: pooled connections of the storm's own questions are closed after some seconds. */
const leaveLimitMs = 15_000;

/** One delivery to a function, for a stream's history. */
export interface InvocationRecord {
  readonly streamId: string;
  readonly attempt: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly outcome: string;
  readonly error: string;
}

export function recordsOf(invocations: readonly InvocationInfo[]): readonly InvocationRecord[] {
  return invocations.flatMap(({ payload, startedAtMs = null, endedAtMs = null, outcome, error }) => {
    const of = attemptOf(payload);
    return of === null ? [] : [{ ...of, startedAtMs, endedAtMs, outcome, error: error?.errorMessage ?? "" }];
  });
}

/** What can be asked when every reader has left. */
export interface Scene {
  readonly gateway: URL;
  readonly invocations: () => readonly Pick<InvocationInfo, "outcome">[];
  /** Every stream that was invoked for, also those whose creator got no answer. */
  readonly ids: readonly string[];
  readonly stop: AbortSignal;
  /** How long after a stream's end an alarm may ring that was set before: to take it back is not worth a row. */
  readonly lastAlarmMs: number;
  readonly lookEveryMs?: number;
}

export interface Quiet {
  readonly left: readonly string[];
  /** As of the end. Null for one that cannot be reached. */
  readonly statuses: ReadonlyMap<string, Status | null>;
}

/** With every stream over: nobody runs, reads, is invoked or woken any more. */
export async function leftIn(scene: Scene): Promise<Quiet> {
  const { gateway, invocations, ids, stop, lastAlarmMs, lookEveryMs = defaultLookEveryMs } = scene;
  const left: string[] = [];
  for (const id of ids) if ((await endOf(gateway, id, stop)) === null) left.push(`${id} never ended`);
  const busy = (): number => invocations().filter(({ outcome }) => outcome === "running" || outcome === "queued").length;
  while (busy() > 0 && !stop.aborted) await sleep(pollMs);
  if (busy() > 0) left.push(`${busy()} invocations go on after every stream has ended`);
  const invoked = invocations().length;
  await sleep(Math.max(0, lastEndOf(await statusesOf(gateway, ids)) + lastAlarmMs - Date.now()), undefined, { signal: stop }).catch(() => undefined);
  const woken = new Set<string>();
  let statuses = await statusesOf(gateway, ids);
  for (let look = 0; look < looks; look++) {
    await sleep(lookEveryMs);
    const now = await statusesOf(gateway, ids);
    for (const id of wokenBetween(statuses, now)) woken.add(`${id}, ${((Date.now() - (now.get(id)?.endedAtMs ?? 0)) / 1_000).toFixed(1)} s after its end`);
    statuses = now;
  }
  if (invocations().length !== invoked) left.push("a function was invoked after every stream had ended");
  left.push(...[...woken].map((what) => `an alarm or a call woke ${what}`));
  for (const [id, status] of statuses) {
    if (status?.phase !== "ended") left.push(`${id} is ${status?.phase}`);
    if (status?.consumers !== 0) left.push(`${id} has ${status?.consumers} readers after all have left`);
  }
  return { left, statuses };
}

/** By the count of requests, to which an alarm adds one, and a question for the status none. */
function wokenBetween(before: Quiet["statuses"], after: Quiet["statuses"]): readonly string[] {
  return [...after].flatMap(([id, status]) => ((status?.requests ?? 0) > (before.get(id)?.requests ?? Number.POSITIVE_INFINITY) ? [id] : []));
}

function lastEndOf(statuses: Quiet["statuses"]): number {
  return Math.max(0, ...[...statuses.values()].map((status) => status?.endedAtMs ?? 0));
}

async function statusesOf(gateway: URL, ids: readonly string[]): Promise<Quiet["statuses"]> {
  const statuses = new Map<string, Status | null>();
  for (const id of ids) statuses.set(id, await statusOf(gateway, id));
  return statuses;
}

export interface OwnProcess {
  readonly pid: number;
  readonly command: string;
}

/** Children of this process, by the process table: the stack is not asked about itself. */
export function ownProcesses(): readonly OwnProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, state, parent] = /^\d+ \(.*\) (\S) (\d+) /s.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return Number(parent) === process.pid && state !== "Z" ? [{ pid: Number(name), command }] : [];
      } catch {
        // It ended while the table was read.
        return [];
      }
    });
}

/** TCP sockets and servers that keep this process alive. */
export function ownSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
}

/** What is there now and was not before the stack was started. */
export async function leftBehind(before: readonly OwnProcess[], socketsBefore: number): Promise<readonly string[]> {
  const known = new Set(before.map(({ pid }) => pid));
  const extra = (): readonly OwnProcess[] => ownProcesses().filter(({ pid, command }) => !known.has(pid) && !command.includes("esbuild"));
  for (let waitedMs = 0; waitedMs < leaveLimitMs && (extra().length > 0 || ownSockets() > socketsBefore); waitedMs += pollMs) await sleep(pollMs);
  const sockets = ownSockets() - socketsBefore;
  return [
    ...extra().map(({ pid, command }) => `the process ${pid} is left: ${command.slice(0, 120)}`),
    ...(sockets > 0 ? [`${sockets} sockets are left`] : []),
  ];
}
