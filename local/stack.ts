/** Owns the local stack as one thing: Worker host, Lambda host, control port and reaper, started and stopped together. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startControl } from "./control.ts";
import type { Control } from "./control.ts";
import { bundleFunctions, exampleFunctionsDir } from "./functions.ts";
import { startLambdaHost } from "./lambda-host/index.ts";
import type { LambdaHost, LambdaHostOptions } from "./lambda-host/index.ts";
import { buildPage } from "./page.ts";
import { startProxy } from "./proxy.ts";
import type { Proxy } from "./proxy.ts";
import { startReaper } from "./reaper.ts";
import { localRoutes } from "./routes.ts";
import { startWorkerHost } from "./worker-host.ts";
import type { WorkerHost, WorkerHostOptions } from "./worker-host.ts";

export interface StackOptions extends Pick<WorkerHostOptions, "entryFile" | "folders"> {
  /** Port of the gateway; 0 for a free one. */
  readonly port: number;
  /** Port of the fault control; a free one if not given. */
  readonly controlPort?: number;
  /** Folder for storage and bundles. */
  readonly dir: string;
  /** Folders of functions; the examples by default. */
  readonly functionDirs?: readonly string[];
  /** Environment of the functions. */
  readonly functionEnv?: Readonly<Record<string, string>>;
  readonly lambdaTimeoutMs?: number;
  /** How far behind its deadline a function is killed; at it if not given. */
  readonly lambdaGraceMs?: number;
  readonly lambdaMaxConcurrency?: number;
  /** Over those of wrangler.toml. */
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly onLog?: (line: string) => void;
}

/** What a fault can get at. */
export interface StackParts {
  /** Where clients go: through a proxy that can cut them off. */
  readonly url: URL;
  readonly clients: Proxy;
  /** Where producers come from. */
  readonly producers: Proxy;
  readonly worker: WorkerHost;
  readonly lambda: LambdaHost;
}

export interface Stack extends StackParts {
  readonly control: Control;
  close(): Promise<void>;
}

const localRegion = "us-east-1";
/** They open nothing but the Lambda host of this machine. */
const localCredentials = { accessKeyId: "local", secretAccessKey: "local-secret-access-key" };

export const localDir = fileURLToPath(new URL("../.local", import.meta.url));

export async function startStack(options: StackOptions): Promise<Stack> {
  const parts: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of parts.splice(0).toReversed()) await part.close();
  };
  try {
    return { ...(await startParts(options, parts)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The proxies and the control come first: a port that is taken is found before anything else is started. */
async function startParts(options: StackOptions, parts: { close(): Promise<void> }[]): Promise<Omit<Stack, "close">> {
  let target = { host: "127.0.0.1", port: 0 };
  const clients = keep(parts, await startProxy(options.port, () => target));
  const producers = keep(parts, await startProxy(0, () => target));
  let started: StackParts | null = null;
  const control = keep(parts, await startControl(() => started, options.controlPort ?? 0));
  const reaper = startReaper();
  keep(parts, { close: async () => reaper.close() });
  const onPid = (pid: number, state: "started" | "ended"): void => (state === "started" ? reaper.watch(pid) : reaper.forget(pid));
  await buildPage();
  const functions = await bundleAll(options);
  const lambda = keep(parts, await startLambda(options, functions, onPid));
  const adaptRoutes = (routes: unknown): unknown => localRoutes(routes, new Set(Object.keys(functions)), lambda);
  const storageDir = join(options.dir, "storage");
  await mkdir(storageDir, { recursive: true });
  const vars = {
    PUBLIC_URL: producers.url,
    LAMBDA_ENDPOINT: lambda.url,
    LOCAL_CONTROL_URL: control.url,
    INSPECTOR: "on",
    AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
    ...options.vars,
  };
  const worker = keep(parts, await startWorkerHost({ ...workerOptionsOf(options), storageDir, vars, adaptRoutes, onPid }));
  target = { host: "127.0.0.1", port: Number(worker.url.port) };
  started = { url: new URL(clients.url), clients, producers, worker, lambda };
  return { ...started, control };
}

async function startLambda(
  options: StackOptions,
  functions: LambdaHostOptions["functions"],
  onChildPid: (pid: number, state: "started" | "ended") => void,
): Promise<LambdaHost> {
  return startLambdaHost({
    functions,
    credentials: localCredentials,
    region: localRegion,
    ...(options.lambdaTimeoutMs === undefined ? {} : { timeoutMs: options.lambdaTimeoutMs }),
    ...(options.lambdaGraceMs === undefined ? {} : { graceMs: options.lambdaGraceMs }),
    ...(options.lambdaMaxConcurrency === undefined ? {} : { maxConcurrency: options.lambdaMaxConcurrency }),
    ...(options.onLog === undefined ? {} : { log: options.onLog }),
    onChildPid,
  });
}

function workerOptionsOf({ entryFile, folders, onLog }: StackOptions): Pick<WorkerHostOptions, "entryFile" | "folders" | "onLog"> {
  return {
    ...(entryFile === undefined ? {} : { entryFile }),
    ...(folders === undefined ? {} : { folders }),
    ...(onLog === undefined ? {} : { onLog }),
  };
}

function keep<T extends { close(): Promise<void> }>(parts: { close(): Promise<void> }[], part: T): T {
  parts.push(part);
  return part;
}

async function bundleAll({ functionDirs = [exampleFunctionsDir], functionEnv = {}, dir }: StackOptions): ReturnType<typeof bundleFunctions> {
  const functions: Awaited<ReturnType<typeof bundleFunctions>> = {};
  for (const [index, source] of functionDirs.entries()) {
    Object.assign(functions, await bundleFunctions(source, join(dir, `functions-${index}`), functionEnv));
  }
  return functions;
}
