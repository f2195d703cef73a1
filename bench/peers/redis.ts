/** Owns a Redis server of a peer: Debian's program, in a folder of its own, reached by a socket in that folder. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { startReaper } from "../../local/reaper.ts";

export interface RedisServer {
  readonly pid: number;
  /** Relative to the working directory: the path of a Unix socket has little room. */
  readonly socketPath: string;
  close(): Promise<void>;
}

/** Debian's redis-server is a link to this program of redis-tools, which decides by its name what it is. */
const programs = ["/usr/bin/redis-server", "/usr/bin/redis-check-rdb"];
const socketPath = "redis.sock";
/** A replay is one message; Redis would cut off a subscriber to whom more than 32 MB wait. */
const unboundedReplay = ["--client-output-buffer-limit", "pubsub 0 0 0"];

/** No port: it needs no free one, nobody else can reach it, and it is the faster way. `null` where there is no Redis. */
export async function startRedis(dir: string): Promise<RedisServer | null> {
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) return null;
  process.chdir(dir);
  const args = ["--port", "0", "--unixsocket", socketPath, "--save", "", "--daemonize", "no", ...unboundedReplay];
  const child = spawn(program, args, { argv0: "redis-server", stdio: ["ignore", "pipe", "inherit"] });
  const pid = await ready(child);
  const reaper = startReaper();
  reaper.watch(pid);
  return {
    pid,
    socketPath,
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      reaper.forget(pid);
      reaper.close();
    },
  };
}

async function ready(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4_096);
      if (child.pid !== undefined && /ready to accept connections/i.test(output)) resolve(child.pid);
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`Cannot start redis-server: it ended with ${code}: ${output}`)));
  });
}
