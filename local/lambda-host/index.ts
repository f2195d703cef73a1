/** Owns the local AWS Lambda host: the Invoke API and Function URLs before functions on AWS's own Node runtime client. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import { resolve } from "node:path";
import type { FunctionConfig } from "./child.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { DispatcherOptions } from "./dispatcher.ts";
import type { EnvironmentInfo } from "./environment.ts";
import { Faults } from "./faults.ts";
import type { FaultControls } from "./faults.ts";
import { isFunctionUrl, serveFunctionUrl } from "./function-url.ts";
import type { InvokeMode } from "./function-url.ts";
import { closeServer, listen } from "./http.ts";
import { serveInvoke } from "./invoke-api.ts";
import { Ledger } from "./ledger.ts";
import type { InvocationInfo, OutcomeCounts } from "./ledger.ts";
import { limits } from "./limits.ts";
import type { Credentials } from "./sigv4.ts";

export type { RefusalStatus } from "./aws-error.ts";
export type { EnvironmentInfo, EnvironmentState } from "./environment.ts";
export type { ArmedFault, EnvironmentMatch, FaultControls, FaultTarget, TakenFault } from "./faults.ts";
export type { InvokeMode } from "./function-url.ts";
export type { FunctionError, InvocationOutcome, InvocationType } from "./invocation.ts";
export type { InvocationInfo, OutcomeCounts } from "./ledger.ts";
export type { Credentials } from "./sigv4.ts";

export interface FunctionDefinition {
  /** The folder the function is loaded from, its working directory too. */
  readonly taskRoot: string;
  /** Module and export, e.g. "index.handler" for `handler` of index.mjs. */
  readonly handler: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Overrides the host's. */
  readonly timeoutMs?: number;
  /** The invoke mode of its Function URL; without one it has none. */
  readonly functionUrl?: InvokeMode;
}

export interface LambdaHostOptions {
  /** By name: letters, digits, hyphen and underscore, up to 64. */
  readonly functions: Readonly<Record<string, FunctionDefinition>>;
  /** Invoke calls and requests to Function URLs must be signed with these. */
  readonly credentials: Credentials;
  readonly region: string;
  /** Of the Invoke API, on 127.0.0.1; 0 or nothing for a free one. */
  readonly port?: number;
  /** From the moment a process gets the invocation until its deadline; 900,000 if not given, as much as AWS allows. */
  readonly timeoutMs?: number;
  /**
   * How far behind its deadline a process is killed; nothing if not given, as on AWS. For what a function does ahead of a short
   * deadline: on a machine that stands still for a moment it comes late, and that says nothing of the function.
   */
  readonly graceMs?: number;
  /** Invocations of one function at a time; 200 if not given. */
  readonly maxConcurrency?: number;
  /** How long an event may wait for room before it is dropped; 60,000 if not given. */
  readonly maxEventAgeMs?: number;
  /** How long a frozen environment is kept; 60,000 if not given. */
  readonly idleTimeoutMs?: number;
  /** Told of each child process. A frozen child cannot notice the end of this process: have a reaper for it. */
  readonly onChildPid?: (pid: number, state: "started" | "ended") => void;
  /** Lines of the children and of the host, each with the function's name in front. */
  readonly log?: (line: string) => void;
}

export interface LambdaHost {
  /**
   * Where the Invoke API is, without a slash at the end. The Function URL that AWS has at
   * `https://<id>.lambda-url.<region>.on.aws/` is `/url/<function>/` here, or `/url/<function>:<qualifier>/`.
   */
  readonly url: string;
  /** The processes that live now. */
  environments(): readonly EnvironmentInfo[];
  /** In order of arrival; the oldest finished ones are forgotten after 10,000, or 128 MiB of payload. */
  invocations(): readonly InvocationInfo[];
  /** How many invocations are in each outcome, forgotten ones included. */
  invocationCounts(): OutcomeCounts;
  readonly faults: FaultControls;
  /** Resolves when every child is reaped and every port is free. */
  close(): Promise<void>;
}

/** @throws Error where a function's name is not one AWS would take, or the port is taken. */
export async function startLambdaHost(options: LambdaHostOptions): Promise<LambdaHost> {
  const ledger = new Ledger();
  const dispatcher = new Dispatcher(withDefaults(options), ledger);
  const faults = new Faults(() => dispatcher.environments());
  const server = createInvokeServer(options, dispatcher, faults);
  const port = await listen(server, options.port ?? 0);
  let closing: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    environments: () => dispatcher.environments().flatMap((environment) => environment.info() ?? []),
    invocations: () => ledger.list(),
    invocationCounts: () => ledger.counts(),
    faults,
    close: () => (closing ??= closeHost(server, dispatcher)),
  };
}

function withDefaults(options: LambdaHostOptions): DispatcherOptions {
  return {
    functions: Object.entries(options.functions).map(([name, definition]) => configure(name, definition, options)),
    maxConcurrency: options.maxConcurrency ?? limits.maxConcurrency,
    maxEventAgeMs: options.maxEventAgeMs ?? limits.maxEventAgeMs,
    idleTimeoutMs: options.idleTimeoutMs ?? limits.idleMs,
    onChildPid: options.onChildPid ?? (() => {}),
    log: options.log ?? (() => {}),
  };
}

function configure(name: string, definition: FunctionDefinition, options: LambdaHostOptions): FunctionConfig {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) throw new Error(`Cannot start the Lambda host: "${name}" is not a function name`);
  return {
    name,
    taskRoot: resolve(definition.taskRoot),
    handler: definition.handler,
    env: definition.env ?? {},
    timeoutMs: definition.timeoutMs ?? options.timeoutMs ?? limits.timeoutMs,
    graceMs: options.graceMs ?? 0,
    region: options.region,
  };
}

function createInvokeServer(options: LambdaHostOptions, dispatcher: Dispatcher, faults: Faults): Server {
  const functionNames = new Set(Object.keys(options.functions));
  const urls = new Map(Object.entries(options.functions).map(([name, { functionUrl }]) => [name, functionUrl]));
  const { credentials, region } = options;
  const common = { credentials, region, dispatcher, faults };
  const server = createServer((request, reply) => {
    const serving = isFunctionUrl(request)
      ? serveFunctionUrl(request, reply, { urls, ...common })
      : serveInvoke(request, reply, { functionNames, ...common });
    serving.catch((error: unknown) => {
      options.log?.(`[host] Cannot answer a call: ${String(error)}`);
      reply.destroy();
    });
  });
  // Longer than any client keeps an idle connection (workerd: 5 s), so that a call never meets a closing one.
  server.keepAliveTimeout = 75_000;
  return server;
}

async function closeHost(server: Server, dispatcher: Dispatcher): Promise<void> {
  await dispatcher.close();
  server.closeIdleConnections();
  await closeServer(server, limits.socketDrainMs);
}
