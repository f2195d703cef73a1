/** The package as its users get it: built, and imported by the names of its exports. */

import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";

const rootDir = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

describe("the built package", () => {
  beforeAll(async () => {
    await run("npm", ["run", "--silent", "build"], { cwd: rootDir });
  });

  test("exports a handful of values from each entry, in plain Node", async () => {
    const script = 'import(process.argv[1]).then((entry) => process.stdout.write(Object.keys(entry).sort().join(" ")))';
    const names = async (entry: string): Promise<string> => (await run(process.execPath, ["-e", script, entry], { cwd: rootDir })).stdout;
    expect(await names("longstream/lambda-runtime")).toBe("LongstreamError nodeStreamHandler streamHandler");
    expect(await names("longstream/client")).toBe("LongstreamError openStream superviseEventSource");
  });

  test("holds no test and no helper of tests", async () => {
    const files = await readdir(join(rootDir, "dist"), { recursive: true });
    expect(files).toContain(join("worker", "index.js"));
    expect(files.filter((file) => /test(ing)?\./.test(file))).toEqual([]);
  });

  test("the Worker is bundled by wrangler as for a deployment", async () => {
    const args = [join(rootDir, "node_modules/wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", ".local/deploy"];
    const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" };
    const { stdout } = await run(process.execPath, args, { cwd: rootDir, env });
    expect(stdout).toContain("env.STREAMS (StreamObject)");
  });
});
