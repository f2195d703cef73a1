/** Owns the child process of an environment: its command line, its environment variables, its output. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { limits } from "./limits.ts";

/** One function as the host knows it, defaults filled in. */
export interface FunctionConfig {
  readonly name: string;
  readonly taskRoot: string;
  readonly handler: string;
  readonly env: Readonly<Record<string, string>>;
  /** From its delivery to the deadline that an invocation is told. */
  readonly timeoutMs: number;
  /** From that deadline until the process is killed. */
  readonly graceMs: number;
  readonly region: string;
}

const runtimeClientPath = createRequire(import.meta.url).resolve("aws-lambda-ric");
const preloadPath = fileURLToPath(new URL("preload.mjs", import.meta.url));

/** What a child needs of the host's own environment; the rest, secrets among it, stays here as it does on AWS. */
const inheritedNames = ["PATH", "HOME", "TMPDIR", "LANG", "NODE_EXTRA_CA_CERTS"] as const;

export function spawnRuntime(config: FunctionConfig, port: number, log: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, ["--import", preloadPath, runtimeClientPath], {
    cwd: config.taskRoot,
    env: variables(config, port),
    // The child reads stdin only to learn that this process has ended (preload.mjs).
    stdio: ["pipe", "pipe", "pipe"],
  });
  for (const output of [child.stdout, child.stderr]) forwardLines(output, log);
  return child;
}

function variables(config: FunctionConfig, port: number): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const name of inheritedNames) {
    const value = process.env[name];
    if (value !== undefined) inherited[name] = value;
  }
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "/");
  return {
    ...inherited,
    ...config.env,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    _HANDLER: config.handler,
    LAMBDA_TASK_ROOT: config.taskRoot,
    AWS_LAMBDA_FUNCTION_NAME: config.name,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${config.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${day}/[$LATEST]${randomBytes(16).toString("hex")}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_REGION: config.region,
    AWS_DEFAULT_REGION: config.region,
    TZ: "UTC",
  };
}

function forwardLines(output: Readable, log: (line: string) => void): void {
  let rest = "";
  output.setEncoding("utf8");
  output.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) log(line);
    if (rest.length > limits.logLineChars) {
      log(rest);
      rest = "";
    }
  });
  output.once("close", () => {
    if (rest !== "") log(rest);
  });
}
