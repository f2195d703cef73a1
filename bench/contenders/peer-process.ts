/** Owns the processes of a peer: starts its server, learns where it listens, and ends it by ending its input. */

import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Unavailable } from "./contender.ts";

export interface PeerProcess {
  readonly url: URL;
  readonly pids: readonly number[];
  close(): Promise<void>;
}

export interface PeerOptions {
  /** The package without which there is nothing to start. */
  readonly package: string;
  /** Its server, in bench/peers. */
  readonly script: string;
  readonly args: readonly string[];
}

const peersDir = fileURLToPath(new URL("../peers/", import.meta.url));
const startLimitMs = 60_000;
const endLimitMs = 10_000;
const maxErrorChars = 4_096;

/** @throws Unavailable where the package is not installed; Error where its server does not start. */
export async function startPeer(options: PeerOptions): Promise<PeerProcess> {
  if (!existsSync(`${peersDir}node_modules/${options.package}`)) throw new Unavailable(options.package, "missing");
  const child = spawn(process.execPath, [`${peersDir}${options.script}`, ...options.args], { stdio: ["pipe", "pipe", "pipe"] });
  const exit = exitOf(child, options.script);
  const overdue = setTimeout(() => child.kill("SIGKILL"), startLimitMs);
  const line = await Promise.race([announcement(child), exit.then(() => "nothing")]).finally(() => clearTimeout(overdue));
  const { port, pids } = parse(options.package, line);
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    pids,
    close: async () => {
      const late = setTimeout(() => child.kill("SIGKILL"), endLimitMs);
      child.stdin.end();
      await exit.finally(() => clearTimeout(late));
    },
  };
}

/** Rejects with the end of what the process complained of, unless it ended as it was asked to. */
async function exitOf(child: ChildProcessWithoutNullStreams, script: string): Promise<void> {
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-maxErrorChars);
  });
  // What is written to a process that has ended is of no use to it.
  child.stdin.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`bench/peers/${script} ended with ${code ?? signal}: ${errors}`));
    });
  });
}

/** Reads on after it: a server that logs must not find its output full. */
async function announcement({ stdout }: ChildProcessWithoutNullStreams): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: stdout }).on("line", (line) => {
      if (/^(listening|missing) /.test(line)) resolve(line);
    });
  });
}

/** The line is bench/peers/announce.ts's. */
function parse(name: string, line: string): { readonly port: number; readonly pids: readonly number[] } {
  const [, port, pids] = /^listening (\d+) ([\d,]+)$/.exec(line) ?? [];
  const [, missing] = /^missing (\w+)$/.exec(line) ?? [];
  if (missing !== undefined) throw new Unavailable(name, `without ${missing}`);
  if (port === undefined || pids === undefined) throw new Error(`Cannot start ${name}: its server said ${line}`);
  return { port: Number(port), pids: pids.split(",").map(Number) };
}
