/** Owns building the demo page's script into the folder that the Worker serves; run by itself, for a deployment. */

import { readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const sourceFile = fileURLToPath(new URL("../examples/page/page.ts", import.meta.url));
const builtFile = fileURLToPath(new URL("../examples/page/public/page.js", import.meta.url));

export async function buildPage(): Promise<void> {
  const { outputFiles } = await build({ entryPoints: [sourceFile], bundle: true, minify: true, format: "esm", target: "es2024", write: false, logLevel: "warning" });
  const text = outputFiles.map((file) => file.text).join("");
  if (text === (await readFile(builtFile, "utf8").catch(() => ""))) return;
  // Another stack may be serving the one that is there.
  const nextFile = `${builtFile}.${process.pid}.tmp`;
  await writeFile(nextFile, text);
  await rename(nextFile, builtFile);
}

if (import.meta.main) await buildPage();
