/** Owns the contender nchan: nginx with its publish-and-subscribe module, messages in shared memory. */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readById } from "./by-id.ts";
import { Unavailable } from "./contender.ts";
import type { Contender, Running } from "./contender.ts";
import { openNchanPublisher } from "./nchan-publisher.ts";

export const nchan: Contender = { name: "nchan", keeps: "memory", needs: "nothing", cannot: {}, start };

const binary = "/usr/sbin/nginx";
/** Debian's; relative to its nginx's own folder. */
const moduleFile = "modules/ngx_nchan_module.so";
const packages = ["nginx-light", "libnginx-mod-nchan"];

/** One worker process: with more, messages go from one to another, and here the load generator needs the other core. */
function configOf(dir: string, port: number): string {
  const bodies = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `  ${kind}_temp_path ${dir}/temp;`);
  return `load_module ${moduleFile};
user root;
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log crit;
events { worker_connections 16384; }
worker_rlimit_nofile 65536;
http {
  access_log off;
${bodies.join("\n")}
  nchan_shared_memory_size 2048M;
  nchan_message_buffer_length 2000000;
  nchan_message_timeout 1h;
  server {
    listen 127.0.0.1:${port};
    location ~ ^/publish/(.+)$ { nchan_publisher websocket; nchan_channel_id $1; }
    location ~ ^/read/(.+)$ { nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message oldest; }
  }
}
`;
}

async function start(dir: string): Promise<Running> {
  install();
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const configFile = join(dir, "nginx.conf");
  writeFileSync(configFile, configOf(dir, port));
  const child = spawn(binary, ["-c", configFile, "-e", join(dir, "error.log")], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  try {
    await answering(port, join(dir, "error.log"));
  } catch (error) {
    await close();
    throw error;
  }
  const url = new URL(`http://127.0.0.1:${port}`);
  return {
    get pids() {
      return child.pid === undefined ? [] : [child.pid, ...childrenOf(child.pid)];
    },
    produce: async (stream) => openNchanPublisher(new URL(`/publish/${stream}`, url)),
    read: async (stream, from, take, feed) => readById(new URL(`/read/${stream}`, url), from, take, feed),
    close,
  };
}

/** By the system's package manager; the run level keeps it from starting a service of the system's own. */
function install(): void {
  if (existsSync(binary) && existsSync(`/usr/share/nginx/${moduleFile}`)) return;
  if (process.getuid?.() !== 0) throw new Unavailable("nchan", "missing");
  const env = { ...process.env, RUNLEVEL: "1", DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("sh", ["-c", `apt-get update -qq && apt-get install -y -qq ${packages.join(" ")}`], { env, stdio: "ignore" });
  if (!existsSync(binary) || !existsSync(`/usr/share/nginx/${moduleFile}`)) throw new Unavailable("nchan", "missing");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === "string") throw new Error("Cannot start nchan: no port is free");
  return address.port;
}

const startLimitMs = 10_000;

async function answering(port: number, errorFile: string): Promise<void> {
  for (const limitAt = Date.now() + startLimitMs; Date.now() < limitAt; await sleep(20)) {
    const connected = await new Promise<"yes" | "no">((resolve) => {
      const socket = createConnection({ port, host: "127.0.0.1" }, () => {
        socket.destroy();
        resolve("yes");
      });
      socket.on("error", () => resolve("no"));
    });
    if (connected === "yes") return;
  }
  throw new Error(`Cannot start nchan: it does not answer: ${existsSync(errorFile) ? readFileSync(errorFile, "utf8") : ""}`);
}

function childrenOf(pid: number): readonly number[] {
  const children = execFileSync("ps", ["--ppid", String(pid), "-o", "pid="], { encoding: "utf8" });
  return children.split("\n").filter((line) => line.trim() !== "").map(Number);
}
