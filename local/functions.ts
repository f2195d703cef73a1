/** Owns bundling function sources, as one would for a deployment, into folders the Lambda host can run. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { FunctionDefinition } from "./lambda-host/index.ts";

export const exampleFunctionsDir = fileURLToPath(new URL("../examples/functions", import.meta.url));

/** `ws` is CommonJS and asks for optional modules by `require`. */
const requireBanner = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Every folder of `sourceDir` with an `index.ts` that exports `handler` is a function of that name, with a Function URL. */
export async function bundleFunctions(
  sourceDir: string,
  outDir: string,
  env: Readonly<Record<string, string>>,
): Promise<Record<string, FunctionDefinition>> {
  const folders = (await readdir(sourceDir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const names = folders.map(({ name }) => name);
  await build({
    entryPoints: names.map((name) => ({ in: join(sourceDir, name, "index.ts"), out: join(name, "index") })),
    outdir: outDir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    conditions: ["source"],
    banner: { js: requireBanner },
    loader: { ".txt": "text" },
    logLevel: "warning",
  });
  const functionUrl = "RESPONSE_STREAM";
  return Object.fromEntries(names.map((name) => [name, { taskRoot: join(outDir, name), handler: "index.handler", env, functionUrl }]));
}
