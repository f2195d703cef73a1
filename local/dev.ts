/** Owns `npm start`: brings the local stack up, says what to try, and takes it down without a trace. */

import { join } from "node:path";
import { faultTable } from "./faults.ts";
import { localDir, startStack } from "./stack.ts";

const help = `npm start                       the gateway, its objects and the example functions, on this machine

Environment:
  PORT                 of the gateway (8787)
  CONTROL_PORT         of the fault control (8788), used below
  LAMBDA_TIMEOUT_MS    time limit of a function (900000); with 11000 an answer of the page crosses three
  OPENAI_BASE_URL      an OpenAI-compatible API for /api/tokens, with OPENAI_API_KEY and OPENAI_MODEL
  OPENAI_API           "responses" where that API has background responses, which can be resumed; else "chat"
  VERBOSE=1            print what functions and Worker log

Faults: curl -d '{"fault": "kill-lambda"}' http://127.0.0.1:8788/faults
${faultTable.map(([name, { does }]) => `  ${name.padEnd(21)}${does}`).join("\n")}
  "stream": an id limits a fault to one stream; evict-stream and abort-stream need it.

Streams of an earlier run are kept in .local and go on with the next start on the same PORT.
`;

async function main(): Promise<void> {
  if (process.argv.includes("--help")) {
    process.stdout.write(help);
    return;
  }
  const port = readPort("PORT", 8787);
  const controlPort = readPort("CONTROL_PORT", 8788);
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
  process.stdout.write("Longstream: starting the Worker, its objects and the Lambda host ...\n");
  const stack = await startStack({ port, controlPort, dir: join(localDir, `stack-${port}`), functionEnv: modelEnv(), ...limits(), ...logging() });
  try {
    process.stdout.write(greeting(stack.url.origin, stack.control.url));
    await aborted(stopping.signal);
    process.stdout.write("\nLongstream: stopping ...\n");
  } finally {
    await stack.close();
  }
}

function greeting(url: string, controlUrl: string): string {
  return `Longstream is ready at ${url}

  A stream:   curl -N "${url}/api/tokens?prompt=Why+do+streams+break"
  The page:   ${url}/      (a stream of it: ${url}/streams/<id>)
  Break it:   curl -d '{"fault": "kill-lambda"}' ${controlUrl}/faults      (more: npm start -- --help)
  Stop:       Ctrl-C
`;
}

function readPort(name: string, absent: number): number {
  const text = process.env[name] ?? "";
  if (text === "") return absent;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Error(`Cannot start: ${name} must be a port number, and it is "${text}"`);
}

function limits(): { lambdaTimeoutMs?: number } {
  const text = process.env["LAMBDA_TIMEOUT_MS"] ?? "";
  if (text === "") return {};
  const lambdaTimeoutMs = Number(text);
  if (Number.isInteger(lambdaTimeoutMs) && lambdaTimeoutMs >= 1_000) return { lambdaTimeoutMs };
  throw new Error(`Cannot start: LAMBDA_TIMEOUT_MS must be a whole number of at least 1000, and it is "${text}"`);
}

function logging(): { onLog?: (line: string) => void } {
  const verbose = (process.env["VERBOSE"] ?? "") !== "";
  return verbose ? { onLog: (line) => process.stderr.write(`${line}\n`) } : {};
}

/** What the token example needs to reach a model; functions see nothing else of this process's environment. */
function modelEnv(): Record<string, string> {
  const names = ["OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_API"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // The servers of the stack keep the process alive meanwhile.
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

function explain(error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error) {
    return `Cannot start: port ${String(error.port)} is taken, perhaps by another "npm start"; stop that, or set PORT and CONTROL_PORT`;
  }
  return error instanceof Error ? error.message : String(error);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
