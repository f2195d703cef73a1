/** `npm start` as a user meets it: ready line, a stream, a clean stop, and clear words when it cannot start. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { listen, portOf } from "../local/proxy.ts";
import { Reader, upTo } from "./support/reader.ts";
import { waitFor } from "./support/status.ts";

const rootDir = fileURLToPath(new URL("..", import.meta.url));

interface Run {
  readonly child: ChildProcess;
  output: string;
  readonly exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const start = (env: Readonly<Record<string, string>>, ...args: string[]): Run => {
  const child = spawn(process.execPath, ["local/dev.ts", ...args], { cwd: rootDir, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const run: Run = { child, output: "", exit: new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal }))) };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (run.output += chunk.toString("utf8")));
  return run;
};

const ready = async (run: Run): Promise<string> => waitFor("the ready line", () => /ready at (http:\S+)/.exec(run.output)?.[1]);

describe("npm start", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("is ready, streams, and stops in order on %s, leaving no port behind", async (signal) => {
    const run = start({ PORT: "0", CONTROL_PORT: "0" });
    const url = await ready(run);
    const reader = await Reader.readAll(new URL("/api/count?n=5&intervalMs=0", url));
    expect(reader.numbers).toEqual(upTo(5));
    expect((await fetch(url)).headers.get("content-type")).toContain("text/html");
    run.child.kill(signal);
    expect(await run.exit).toEqual({ code: 0, signal: null });
    expect(run.output).toContain("Longstream: stopping ...");
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  test("says which port is taken, and what to do", async () => {
    const server = createServer();
    await listen(server, 0);
    const run = start({ PORT: String(portOf(server)), CONTROL_PORT: "0" });
    expect((await run.exit).code).toBe(1);
    expect(run.output).toContain(`Cannot start: port ${portOf(server)} is taken, perhaps by another "npm start"; stop that, or set PORT and CONTROL_PORT`);
    server.close();
  });

  test.each([
    [{ PORT: "seven" }, 'PORT must be a port number, and it is "seven"'],
    [{ PORT: "0", LAMBDA_TIMEOUT_MS: "10" }, "LAMBDA_TIMEOUT_MS must be a whole number of at least 1000"],
  ])("refuses %j", async (env, words) => {
    const run = start(env);
    expect((await run.exit).code).toBe(1);
    expect(run.output).toContain(words);
  });

  test("--help lists every fault", async () => {
    const run = start({}, "--help");
    expect((await run.exit).code).toBe(0);
    for (const fault of ["kill-lambda", "blackhole-producer", "restart-worker", "drop-consumers"]) expect(run.output).toContain(fault);
  });
});
