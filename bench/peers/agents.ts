/** Owns a workerd with the Worker in agents/, as a process. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { startReaper } from "../../local/reaper.ts";
import { workerdPids } from "../../local/workerd.ts";
import { announce, endWithInput } from "./announce.ts";

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
// This process only starts it and waits: all the work is workerd's.
const pids = [...(await workerdPids())];
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
