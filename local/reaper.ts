/** Owns the watch over child processes: a process apart that ends them when the stack is gone without a goodbye. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Reaper {
  watch(pid: number): void;
  forget(pid: number): void;
  close(): void;
}

/** A frozen Lambda child cannot notice that its parent was killed, and workerd does not look. */
export function startReaper(): Reaper {
  const script = fileURLToPath(new URL("./reaper-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  child.unref();
  // It ends with its input; an error on the way only means that it is gone.
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  return {
    watch: (pid) => child.stdin.write(`+${pid}\n`),
    forget: (pid) => child.stdin.write(`-${pid}\n`),
    close: () => child.stdin.end(),
  };
}
