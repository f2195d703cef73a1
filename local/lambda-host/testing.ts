/** Owns what the tests of the Lambda host share: a host over the fixtures, an AWS client for it, conditions to wait for. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import type { InvocationType } from "@aws-sdk/client-lambda";
import { afterAll, onTestFinished, vi } from "vitest";
import { startLambdaHost } from "./index.ts";
import type { LambdaHost, LambdaHostOptions } from "./index.ts";

export const credentials = { accessKeyId: "AKIDLOCAL", secretAccessKey: "local/secret+key" };
export const region = "eu-central-1";
export const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));

const handlers = [
  "echo", "gated", "ticking", "tickingForever", "failing", "leaving", "leavingLater", "forever", "spinning", "large", "streaming",
  "shaped", "status", "page", "early", "raw", "throwing",
] as const;
/** Have Function URLs in mode BUFFERED; the streaming ones in RESPONSE_STREAM. */
const buffered: ReadonlySet<string> = new Set(["echo", "gated", "failing", "shaped", "status", "large"]);
const streamed: ReadonlySet<string> = new Set(["page", "early", "raw", "throwing", "leaving", "forever"]);

type Handler = (typeof handlers)[number] | "broken" | "absent";

/** Long enough for any machine: it bounds a wait that ends when its condition is met. */
const patienceMs = 60_000;

export interface TestHost extends LambdaHost {
  /** Every child the host has started, ended or not. */
  readonly pids: ReadonlySet<number>;
  invoke(name: Handler | "nowhere", payload?: unknown, type?: InvocationType): Promise<Answer>;
}

export interface Answer {
  readonly status: number | undefined;
  readonly functionError: string | undefined;
  readonly version: string | undefined;
  readonly requestId: string | undefined;
  readonly text: string;
  /** The body as JSON, if it is JSON; an empty object otherwise. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Starts a host that is closed when the test ends. */
export async function testHost(options: Partial<LambdaHostOptions> = {}): Promise<TestHost> {
  const pids = new Set<number>();
  const host = await startLambdaHost({
    functions: functionsOf([...handlers, "broken", "absent"]),
    credentials,
    region,
    onChildPid: (pid) => pids.add(pid),
    ...options,
  });
  const client = clientOf(host.url, credentials);
  onTestFinished(async () => {
    client.destroy();
    await host.close();
  });
  return { ...host, pids, invoke: (name, payload, type) => invoke(client, name, payload, type) };
}

function functionsOf(names: readonly Handler[]): LambdaHostOptions["functions"] {
  return Object.fromEntries(
    names.map((name) => {
      const definition = { taskRoot: fixtures, handler: name === "broken" ? "broken.handler" : `index.${name}` };
      if (buffered.has(name)) return [name, { ...definition, functionUrl: "BUFFERED" }];
      return [name, streamed.has(name) ? { ...definition, functionUrl: "RESPONSE_STREAM" } : definition];
    }),
  );
}

export function clientOf(url: string, signedBy: typeof credentials): LambdaClient {
  return new LambdaClient({ endpoint: url, region, credentials: signedBy, maxAttempts: 1 });
}

async function invoke(client: LambdaClient, name: string, payload: unknown, type?: InvocationType): Promise<Answer> {
  const answer = await client.send(
    new InvokeCommand({
      FunctionName: name,
      ...(payload === undefined ? {} : { Payload: JSON.stringify(payload) }),
      ...(type === undefined ? {} : { InvocationType: type }),
    }),
  );
  const text = answer.Payload?.transformToString() ?? "";
  return {
    status: answer.StatusCode,
    functionError: answer.FunctionError,
    version: answer.ExecutedVersion,
    requestId: answer.$metadata.requestId,
    text,
    json: parseObject(text),
  };
}

/** Waits for a condition, however long it takes. */
export function until<T>(condition: () => T): Promise<T> {
  return vi.waitFor(condition, { timeout: patienceMs, interval: 10 });
}

/** Waits until `count` environments are in this state; resolves with their process ids. */
export function untilState(host: LambdaHost, state: string, count = 1): Promise<number[]> {
  return until(() => {
    const pids = host.environments().flatMap((environment) => (environment.state === state ? [environment.pid] : []));
    if (pids.length !== count) throw new Error(`${pids.length} environments are ${state}, not ${count}`);
    return pids;
  });
}

/** Waits until the operating system says that the process is stopped ("T"), or reaped (undefined), or runs. */
export function untilProcess(pid: number, state: "stopped" | "running" | "gone"): Promise<void> {
  return until(() => {
    const seen = processState(pid);
    if (seen !== state) throw new Error(`process ${pid} is ${seen}, not ${state}`);
  });
}

export function processState(pid: number): "stopped" | "running" | "gone" {
  try {
    // "pid (name) state ...": the name may hold spaces and parentheses.
    const state = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.[0];
    if (state === "T") return "stopped";
    return state === "Z" ? "gone" : "running";
  } catch {
    return "gone";
  }
}

const scratchFolders: string[] = [];
// Not with each test: what is registered last runs first, and a child of a host that is still open may be writing.
afterAll(() => {
  for (const folder of scratchFolders) rmSync(folder, { recursive: true, force: true });
});

/** A path for a file that does not exist yet, in a folder that goes with the test file. */
export function scratchFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "lambda-host-"));
  scratchFolders.push(folder);
  return join(folder, name);
}

export function open(gate: string): void {
  writeFileSync(gate, "");
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The name and message of what a promise rejects with. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ name: string; message: string; status: unknown }> {
  const error: unknown = await promise.then(
    () => new Error("not refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("rejected with something that is not an Error");
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  const status = typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata ? metadata.httpStatusCode : undefined;
  return { name: error.name, message: error.message, status };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
