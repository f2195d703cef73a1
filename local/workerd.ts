/** Owns the workerd process that the tools started in this one: which it is, and its restarts. */

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export interface WorkerdOptions {
  /** Where it answers. */
  readonly url: URL;
  /** Each process, for a reaper. */
  readonly onPid: (pid: number, state: "started" | "ended") => void;
}

export class Workerd {
  readonly #options: WorkerdOptions;
  #pid: number;
  /** Settles when it answers again; settled while no restart is under way. */
  #up: Promise<void> = Promise.resolve();

  private constructor(options: WorkerdOptions, pid: number) {
    this.#options = options;
    this.#pid = pid;
    options.onPid(pid, "started");
  }

  /** `before`: what `workerdPids` gave before the tools were asked to start it. */
  static async find(options: WorkerdOptions, before: ReadonlySet<number>): Promise<Workerd> {
    return new Workerd(options, await waitForWorkerd(before));
  }

  get pid(): number {
    return this.#pid;
  }

  /** Kills it; the tools start it again on the same port with the same storage. Settles when it answers. */
  async restart(): Promise<void> {
    await this.#up;
    this.#up = this.#restart();
    return this.#up;
  }

  /** A request of the stack's own: over a restart it waits, and is made again where the restart took its connection. */
  async overRestart<T>(ask: () => Promise<T>): Promise<T> {
    await this.#up;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TypeError && error.message === "fetch failed")) throw error;
      await this.#up;
      return ask();
    }
  }

  /** The tools have ended it. */
  ended(): void {
    this.#options.onPid(this.#pid, "ended");
  }

  async #restart(): Promise<void> {
    const known = await workerdPids();
    process.kill(this.#pid, "SIGKILL");
    this.ended();
    this.#pid = await waitForWorkerd(known);
    this.#options.onPid(this.#pid, "started");
    await waitForAnswer(this.#options.url);
  }
}

const run = promisify(execFile);
const pollMs = 25;
const restartLimitMs = 30_000;

/** Workerd processes this process started. */
export async function workerdPids(): Promise<ReadonlySet<number>> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,args="]).catch((error: unknown) => {
    throw new Error(`Cannot watch workerd: the command "ps" does not run (${String(error)}); install it (Debian: procps)`);
  });
  const pids = stdout
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => Number(match?.[2]) === process.pid && /workerd\S* serve/.test(match?.[3] ?? ""))
    .map((match) => Number(match?.[1]));
  return new Set(pids);
}

async function waitForWorkerd(known: ReadonlySet<number>): Promise<number> {
  return waitFor("workerd to start", async () => [...(await workerdPids())].find((pid) => !known.has(pid)));
}

async function waitForAnswer(url: URL): Promise<void> {
  await waitFor("the Worker to answer", async () => {
    const response = await fetch(new URL("/streams/none", url)).catch(() => undefined);
    await response?.body?.cancel();
    return response?.status;
  });
}

async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const limitAt = Date.now() + restartLimitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > limitAt) throw new Error(`Cannot go on: waited ${restartLimitMs} ms for ${what}`);
    await sleep(pollMs);
  }
}
