/** Owns the local stack as one thing: Worker host, Lambda host and reaper, started and stopped together. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleFunctions, exampleFunctionsDir } from "./functions.ts";
import { startLambdaHost } from "./lambda-host/index.ts";
import type { LambdaHost } from "./lambda-host/index.ts";
import { startReaper } from "./reaper.ts";
import { startWorkerHost } from "./worker-host.ts";
import type { WorkerHost } from "./worker-host.ts";

export interface StackOptions {
  /** Port of the gateway; 0 for a free one. */
  readonly port: number;
  /** Folder for storage and bundles. */
  readonly dir: string;
  /** Folders of functions; the examples by default. */
  readonly functionDirs?: readonly string[];
  /** Environment of the functions. */
  readonly functionEnv?: Readonly<Record<string, string>>;
  readonly lambdaTimeoutMs?: number;
  readonly lambdaMaxConcurrency?: number;
  /** Over those of wrangler.toml. */
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly onLog?: (line: string) => void;
}

export interface Stack {
  readonly url: URL;
  readonly worker: WorkerHost;
  readonly lambda: LambdaHost;
  close(): Promise<void>;
}

export const localRegion = "us-east-1";
/** They open nothing but the Lambda host of this machine. */
export const localCredentials = { accessKeyId: "local", secretAccessKey: "local-secret-access-key" };

export const localDir = fileURLToPath(new URL("../.local", import.meta.url));

export async function startStack(options: StackOptions): Promise<Stack> {
  const functions = await bundleAll(options);
  const reaper = startReaper();
  const lambda = await startLambdaHost({
    functions,
    credentials: localCredentials,
    region: localRegion,
    ...(options.lambdaTimeoutMs === undefined ? {} : { timeoutMs: options.lambdaTimeoutMs }),
    ...(options.lambdaMaxConcurrency === undefined ? {} : { maxConcurrency: options.lambdaMaxConcurrency }),
    ...(options.onLog === undefined ? {} : { log: options.onLog }),
    onChildPid: (pid, state) => (state === "started" ? reaper.watch(pid) : reaper.forget(pid)),
  });
  try {
    const storageDir = join(options.dir, "storage");
    await mkdir(storageDir, { recursive: true });
    const worker = await startWorkerHost({
      port: options.port,
      storageDir,
      vars: {
        LAMBDA_ENDPOINT: lambda.url,
        AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
        ...options.vars,
      },
      ...(options.onLog === undefined ? {} : { onLog: options.onLog }),
      onPid: (pid, state) => (state === "started" ? reaper.watch(pid) : reaper.forget(pid)),
    });
    const close = async (): Promise<void> => {
      await Promise.all([worker.close(), lambda.close()]);
      reaper.close();
    };
    return { url: worker.url, worker, lambda, close };
  } catch (error) {
    await lambda.close();
    reaper.close();
    throw error;
  }
}

async function bundleAll({ functionDirs = [exampleFunctionsDir], functionEnv = {}, dir }: StackOptions): ReturnType<typeof bundleFunctions> {
  const functions: Awaited<ReturnType<typeof bundleFunctions>> = {};
  for (const [index, source] of functionDirs.entries()) {
    Object.assign(functions, await bundleFunctions(source, join(dir, `functions-${index}`), functionEnv));
  }
  return functions;
}
