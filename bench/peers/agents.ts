/** Owns a workerd with the Worker in agents/, as a process. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { startReaper } from "../../local/reaper.ts";
import { announce, endWithInput } from "./announce.ts";

const run = promisify(execFile);
const [, , storageDir = "."] = process.argv;

// Without it the tools ask their maker for request metadata at start-up.
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    name: "agents",
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    compatibilityDate: "2026-11-17",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: { STREAMS: { className: "BenchStream", useSQLite: true } },
    resourcePersistencePath: storageDir,
    durableObjectsPersist: true,
    modules: [{ type: "ESModule", path: "worker.mjs", contents: await bundle() }],
  }),
);
const url = await miniflare.ready;
const pids = await workerdPids();
// Workerd does not look whether its parent is there, so a process apart does.
const reaper = startReaper();
for (const pid of pids) reaper.watch(pid);
announce(Number(url.port), pids);
endWithInput(async () => {
  await miniflare.dispose();
  for (const pid of pids) reaper.forget(pid);
  reaper.close();
});

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("agents/worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
    conditions: ["workerd", "worker", "browser"],
  });
  return outputFiles.map(({ text }) => text).join("");
}

/** This process only starts it and waits: all the work is workerd's. */
async function workerdPids(): Promise<readonly number[]> {
  const { stdout } = await run("ps", ["--ppid", String(process.pid), "-o", "pid=,args="]);
  return stdout
    .split("\n")
    .filter((line) => /workerd\S* serve/.test(line))
    .map((line) => Number.parseInt(line, 10));
}
