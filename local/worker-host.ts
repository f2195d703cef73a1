/** Owns the gateway's side of the local stack: the Worker and its objects in a real workerd, configured by wrangler. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import type { Json, MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { readConfig } from "../worker/config.ts";
import { objectPath } from "./edge/paths.ts";
import type { ObjectAction } from "./edge/paths.ts";
import { Workerd, workerdPids } from "./workerd.ts";

export interface WorkerHostOptions {
  /** Folder of the objects' storage; it outlives the host. */
  readonly storageDir: string;
  /** Over those of wrangler.toml and .dev.vars. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Made of the routes, wherever they are from. */
  readonly adaptRoutes?: (routes: unknown) => unknown;
  /** The Worker's entry; the product with a way to abort objects if not given. */
  readonly entryFile?: string;
  /** Folders the Worker can read, by the name of their binding. */
  readonly folders?: Readonly<Record<string, string>>;
  readonly onLog?: (line: string) => void;
  /** Each workerd process, for a reaper. */
  readonly onPid?: (pid: number, state: "started" | "ended") => void;
}

export type SqlRow = Readonly<Record<string, unknown>>;

export interface WorkerHost {
  /** A free port of 127.0.0.1; it stays over restarts. */
  readonly url: URL;
  readonly pid: number;
  /** Drops an object from memory, as the platform does; its sockets stay (`hibernate`) or close. */
  evict(streamId: string, sockets: "hibernate" | "close"): Promise<void>;
  /** Aborts an object: memory and sockets are gone at once. */
  abort(streamId: string): Promise<void>;
  /** How often the object was constructed; asking wakes nothing. */
  constructions(streamId: string): Promise<number>;
  /** Runs SQL inside the object; it may wake it. */
  sql(streamId: string, query: string): Promise<readonly SqlRow[]>;
  /** Kills workerd; it comes back on the same port with the same storage. Settles when it answers again. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const rootDir = fileURLToPath(new URL("../", import.meta.url));
const scriptName = "longstream";

export async function startWorkerHost(options: WorkerHostOptions): Promise<WorkerHost> {
  // Without it the tools ask their maker for request metadata at start-up.
  process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
  const before = await workerdPids();
  const { workerOptions } = unstable_getMiniflareWorkerOptions(`${rootDir}wrangler.toml`);
  const vars: Readonly<Record<string, unknown>> = { ...asVars(workerOptions["bindings"]), ...options.vars };
  const bindings = { ...vars, ROUTES: options.adaptRoutes?.(vars["ROUTES"]) ?? vars["ROUTES"] };
  checkConfig(bindings);
  const contents = await bundleWorker(options.entryFile ?? `${rootDir}local/edge/worker-entry.ts`);
  const miniflare = withoutSignalHandlers(() => new Miniflare(toMiniflareOptions(options, workerOptions, bindings, contents)));
  const url = await miniflare.ready;
  const workerd = await Workerd.find({ url, onPid: options.onPid ?? (() => {}) }, before);
  const act = async (streamId: string, action: ObjectAction, { query = "", body = "" } = {}): Promise<unknown> => {
    const target = new URL(`${objectPath}${streamId}/${action}${query}`, url);
    const response = await workerd.overRestart(async () => fetch(target, { method: "POST", body }));
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  return {
    url,
    get pid() {
      return workerd.pid;
    },
    evict: async (streamId, sockets) => {
      await act(streamId, "evict", { query: `?sockets=${sockets}` });
    },
    abort: async (streamId) => {
      await act(streamId, "abort");
    },
    constructions: async (streamId) => Number(await act(streamId, "constructions")),
    sql: async (streamId, query) => asRows(await act(streamId, "sql", { body: query })),
    restart: async () => workerd.restart(),
    close: async () => {
      await miniflare.dispose();
      workerd.ended();
    },
  };
}

function toMiniflareOptions(
  { storageDir, folders, onLog }: WorkerHostOptions,
  workerOptions: ReturnType<typeof unstable_getMiniflareWorkerOptions>["workerOptions"],
  bindings: Readonly<Record<string, unknown>>,
  contents: string,
): MiniflareOptions {
  return convertV4MiniflareOptions({
    ...workerOptions,
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    handleStructuredLogs: ({ level, message }) => onLog?.(`${level}: ${message}`),
    resourcePersistencePath: storageDir,
    durableObjectsPersist: true,
    // By which the stack's own entry can evict an object.
    compatibilityFlags: [...asStrings(workerOptions["compatibilityFlags"]), "unsafe_module"],
    name: scriptName,
    bindings: toJsonTable(bindings),
    ...(folders === undefined ? {} : { serviceBindings: toServices(folders) }),
    modules: [{ type: "ESModule", path: "worker.mjs", contents }],
  });
}

function toServices(folders: Readonly<Record<string, string>>): Record<string, { disk: { path: string; writable: false } }> {
  return Object.fromEntries(Object.entries(folders).map(([name, path]) => [name, { disk: { path, writable: false } }]));
}

async function bundleWorker(entryFile: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entryFile],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "workerd:*"],
    conditions: ["workerd", "worker", "browser"],
    sourcemap: "inline",
  });
  return outputFiles.map(({ text }) => text).join("");
}

/** A mistake in wrangler.toml is better told at the start than with every answer. */
function checkConfig(bindings: Readonly<Record<string, unknown>>): void {
  const secret = (name: string): string => {
    const value = bindings[name];
    return typeof value === "string" ? value : "";
  };
  readConfig({
    ...bindings,
    ROUTES: bindings["ROUTES"],
    AWS_ACCESS_KEY_ID: secret("AWS_ACCESS_KEY_ID"),
    AWS_SECRET_ACCESS_KEY: secret("AWS_SECRET_ACCESS_KEY"),
    TICKET_SECRET: secret("TICKET_SECRET"),
  });
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Miniflare exits the process on a signal, before anybody else could stop in order. */
function withoutSignalHandlers<T>(start: () => T): T {
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  const started = start();
  for (const signal of signals) {
    for (const listener of process.listeners(signal)) {
      if (before.get(signal)?.includes(listener) !== true) process.off(signal, listener);
    }
  }
  return started;
}

function asStrings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function asRows(value: unknown): readonly SqlRow[] {
  return Array.isArray(value) ? value.map(asVars) : [];
}

function asVars(bindings: unknown): Readonly<Record<string, unknown>> {
  return typeof bindings === "object" && bindings !== null ? Object.fromEntries(Object.entries(bindings)) : {};
}

function toJson(value: unknown): Json {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(toJson);
  return toJsonTable(asVars(value));
}

function toJsonTable(vars: Readonly<Record<string, unknown>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(vars).filter(([, value]) => value !== undefined).map(([name, value]) => [name, toJson(value)]));
}
