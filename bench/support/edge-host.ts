/** Owns running a Worker of the benchmark's own, with one class of objects, in a workerd of its own. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { workerdPids } from "../../local/workerd.ts";

export interface EdgeHost {
  readonly url: URL;
  readonly pid: number;
  close(): Promise<void>;
}

/** The product's, so that both run on the same rules. */
const { workerOptions } = unstable_getMiniflareWorkerOptions(fileURLToPath(new URL("../../wrangler.toml", import.meta.url)));

/** @param className The class of its objects, bound as `STREAMS`. */
export async function startEdge(entryFile: string, className: string): Promise<EdgeHost> {
  const { outputFiles } = await build({ entryPoints: [entryFile], bundle: true, write: false, format: "esm", target: "es2024", external: ["cloudflare:*"] });
  const contents = outputFiles.map(({ text }) => text).join("");
  const before = await workerdPids();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "bench",
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      compatibilityDate: String(workerOptions["compatibilityDate"]),
      modules: [{ type: "ESModule", path: "worker.mjs", contents }],
      durableObjects: { STREAMS: className },
    }),
  );
  const url = await miniflare.ready;
  const pid = [...(await workerdPids())].find((each) => !before.has(each));
  if (pid === undefined) throw new Error("Cannot measure the Worker: its process is not found");
  return { url, pid, close: async () => miniflare.dispose() };
}
