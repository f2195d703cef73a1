/** Owns what must not be there after a storm: streams without an end, invocations, awake objects, processes. */

import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "../../local/stack.ts";
import { endOf, statusOf } from "./status.ts";

const quietMs = 3_000;
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

export function invocationsOf(stack: Stack): readonly InvocationRecord[] {
  return stack.lambda.invocations().flatMap(({ payload, startedAtMs = null, endedAtMs = null, outcome, error }) => {
    if (typeof payload !== "object" || payload === null || !("stream" in payload && "attempt" in payload)) return [];
    const { stream, attempt } = payload;
    return [{ streamId: String(stream), attempt: Number(attempt), startedAtMs, endedAtMs, outcome, error: error?.errorMessage ?? "" }];
  });
}

/** With every stream over: nobody runs, reads, is invoked or woken any more. */
export async function leftIn(stack: Stack, stop: AbortSignal): Promise<readonly string[]> {
  // Those whose creator never got an answer are among them.
  const ids = [...new Set(invocationsOf(stack).map(({ streamId }) => streamId))];
  const left: string[] = [];
  for (const id of ids) if ((await endOf(stack.worker.url, id, stop)) === null) left.push(`${id} never ended`);
  const busy = (): number => stack.lambda.invocations().filter(({ outcome }) => outcome === "running" || outcome === "queued").length;
  while (busy() > 0 && !stop.aborted) await sleep(pollMs);
  if (busy() > 0) left.push(`${busy()} invocations go on after every stream has ended`);
  const invoked = stack.lambda.invocations().length;
  const woken = await constructionsOf(stack, ids);
  await sleep(quietMs);
  if (stack.lambda.invocations().length !== invoked) left.push("a function was invoked after every stream had ended");
  if ((await constructionsOf(stack, ids)) !== woken) left.push("an alarm woke a stream that had ended");
  for (const id of ids) {
    const status = await statusOf(stack.worker.url, id);
    if (status?.phase !== "ended") left.push(`${id} is ${status?.phase}`);
    if (status?.consumers !== 0) left.push(`${id} has ${status?.consumers} readers after all have left`);
  }
  return left;
}

async function constructionsOf({ worker }: Stack, ids: readonly string[]): Promise<number> {
  let all = 0;
  for (const id of ids) all += await worker.constructions(id);
  return all;
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
