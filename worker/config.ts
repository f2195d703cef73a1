/** Owns the gateway's configuration: wrangler.toml vars and secrets, parsed once, each diagnosis naming key and fix. */

import { LongstreamError } from "../protocol/errors.ts";
import type { CorsOrigins } from "./cors.ts";
import type { FunctionTarget, LambdaAccess } from "./lambda.ts";
import { defaultSettings, leastSettings, routeKinds } from "./settings.ts";
import type { OnAbandon, RouteKind, StreamSettings } from "./settings.ts";
import { readUpstreamTarget, secretsOf } from "./upstream-target.ts";
import type { RouteTarget, SecretOf } from "./upstream-target.ts";

/** Vars and secrets as wrangler passes them. */
export interface GatewayVars {
  readonly ROUTES: unknown;
  /** Settings of every route that does not set its own. */
  readonly STREAM_DEFAULTS?: unknown;
  /** Public base URL by which functions reach the gateway; without it, the origin of the request. */
  readonly PUBLIC_URL?: string;
  readonly LAMBDA_ENDPOINT?: string;
  /** Silence after which readers get a comment line. */
  readonly HEARTBEAT_MS?: unknown;
  /** How long a reader may leave a write waiting before it is cut off. */
  readonly MAX_STALL_MS?: unknown;
  /** How long a client waits for its handler's head before it is told that the stream goes on without it. */
  readonly HEAD_TIMEOUT_MS?: unknown;
  /** "on": a browser that navigates to a stream is shown a page about it. */
  readonly INSPECTOR?: unknown;
  /** Origins whose pages may use the gateway: "*", or a list. */
  readonly CORS_ORIGINS?: unknown;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN?: string;
  readonly TICKET_SECRET: string;
}

export interface Route {
  /** Exact path, or a prefix that ends in `/*`. */
  readonly path: string;
  readonly methods: readonly string[];
  readonly kind: RouteKind;
  readonly onAbandon: OnAbandon;
  readonly target: RouteTarget;
  readonly maxRequestBytes: number;
  readonly settings: StreamSettings;
}

export interface Config {
  readonly routes: readonly Route[];
  readonly publicUrl: string | null;
  readonly heartbeatMs: number;
  readonly maxStallMs: number;
  readonly headTimeoutMs: number;
  readonly inspector: "on" | "off";
  readonly corsOrigins: CorsOrigins;
}

const defaultMethods = ["GET", "POST"];
/** The platform's own limit for a request on most of its plans. */
const defaultMaxRequestBytes = 100 * 1024 * 1024;
/** Under the idle limits of common proxies. */
const defaultHeartbeatMs = 15_000;
const defaultMaxStallMs = 60_000;
const defaultHeadTimeoutMs = 30_000;
const leastHeartbeatMs = 100;
/** A first reader on its way, and one whose socket is healed, must not be taken for gone. */
const leastGraceMs = 1_000;
const leastSecretChars = 32;
const parsed = new WeakMap<object, Config>();

/** @throws LongstreamError `bad-config` that lists every problem. */
export function readConfig(env: GatewayVars): Config {
  const known = parsed.get(env);
  if (known !== undefined) return known;
  const problems: string[] = [];
  checkSecrets(env, problems);
  const defaults = readSettings(env.STREAM_DEFAULTS, defaultSettings, "STREAM_DEFAULTS", problems);
  const config = {
    routes: readRoutes(env.ROUTES, defaults, secretsOf(env), problems),
    publicUrl: readPublicUrl(env.PUBLIC_URL, problems),
    heartbeatMs: readNumber(env.HEARTBEAT_MS ?? defaultHeartbeatMs, leastHeartbeatMs, "HEARTBEAT_MS", problems),
    maxStallMs: readNumber(env.MAX_STALL_MS ?? defaultMaxStallMs, leastHeartbeatMs, "MAX_STALL_MS", problems),
    headTimeoutMs: readNumber(env.HEAD_TIMEOUT_MS ?? defaultHeadTimeoutMs, leastHeartbeatMs, "HEAD_TIMEOUT_MS", problems),
    inspector: readInspector(env.INSPECTOR, problems),
    corsOrigins: readOrigins(env.CORS_ORIGINS, problems),
  };
  if (problems.length > 0) {
    throw new LongstreamError("bad-config", `Cannot start the gateway: ${problems.join("; ")}`);
  }
  parsed.set(env, config);
  return config;
}

export function readAccess(env: GatewayVars): LambdaAccess {
  return {
    accessKeyId: env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    sessionToken: env.AWS_SESSION_TOKEN ?? null,
    endpoint: env.LAMBDA_ENDPOINT ?? null,
  };
}

/** The first route, in the order of the file, that takes the path. */
export function findRoute(config: Config, pathname: string): Route | undefined {
  return config.routes.find(({ path }) =>
    path.endsWith("/*") ? pathname.startsWith(path.slice(0, -1)) || pathname === path.slice(0, -2) : pathname === path,
  );
}

function checkSecrets(env: GatewayVars, problems: string[]): void {
  const aws = { AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY };
  const needed = { ...(callsAws(env.ROUTES) ? aws : {}), TICKET_SECRET: env.TICKET_SECRET };
  for (const [key, value] of Object.entries(needed)) {
    if (typeof value !== "string" || value === "") {
      problems.push(`the secret ${key} is missing: set it with "wrangler secret put ${key}", locally in .dev.vars`);
    }
  }
  if (typeof env.TICKET_SECRET === "string" && env.TICKET_SECRET !== "" && env.TICKET_SECRET.length < leastSecretChars) {
    problems.push(`the secret TICKET_SECRET is too short: use at least ${leastSecretChars} random characters`);
  }
}

/** Whether a route needs keys: one that only relays another's API does not. */
function callsAws(routes: unknown): boolean {
  if (!Array.isArray(routes)) return true;
  const entries: readonly unknown[] = routes;
  return entries.map(asTable).some((fields) => fields === null || fields["upstream"] === undefined || fields["region"] !== undefined);
}

function readPublicUrl(value: string | undefined, problems: string[]): string | null {
  if (value === undefined || value === "") return null;
  if (!isHttpUrl(value)) {
    problems.push(`PUBLIC_URL is no http or https URL: write it like "https://gateway.example.com"`);
    return null;
  }
  return value.replace(/\/+$/, "");
}

/** Nobody gets it by mistake: it is for whoever runs the gateway. */
function readInspector(value: unknown, problems: string[]): Config["inspector"] {
  if (value === "on") return "on";
  if (value !== undefined && value !== "off") problems.push(`INSPECTOR must be "on" or "off": it is ${JSON.stringify(value)}`);
  return "off";
}

function readOrigins(value: unknown, problems: string[]): CorsOrigins {
  if (value === undefined || value === null) return [];
  if (value === "*") return "any";
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const origins = list.filter((origin) => typeof origin === "string" && isHttpUrl(origin) && new URL(origin).origin === origin).map(String);
  if (origins.length !== list.length) {
    problems.push(`CORS_ORIGINS must be "*" or a list like ["https://app.example.com"], without a path: it is ${JSON.stringify(value)}`);
  }
  return origins;
}

function readRoutes(value: unknown, defaults: StreamSettings, secret: SecretOf, problems: string[]): readonly Route[] {
  if (!Array.isArray(value) || value.length === 0) {
    problems.push("ROUTES is missing: add a [[vars.ROUTES]] table with path, function (or functionUrl, or upstream) and region to wrangler.toml");
    return [];
  }
  const entries: readonly unknown[] = value;
  const routes = entries.map((entry, index) => readRoute(entry, `ROUTES[${index}]`, defaults, secret, problems));
  return routes.filter((route) => route !== null);
}

const targetKeys = ["function", "functionUrl", "region", "qualifier", "tenantId", "upstream", "resume", "upstreamHeaders"];
const routeKeys = new Set(["path", "methods", "kind", "onAbandon", ...targetKeys, "maxRequestBytes", "settings"]);

function readRoute(entry: unknown, key: string, defaults: StreamSettings, secret: SecretOf, problems: string[]): Route | null {
  const fields = asTable(entry);
  if (fields === null) {
    problems.push(`${key} is no table: write it as [[vars.ROUTES]]`);
    return null;
  }
  for (const name of Object.keys(fields)) {
    if (!routeKeys.has(name)) problems.push(`${key}.${name} is not known: the keys are ${[...routeKeys].join(", ")}`);
  }
  const { methods = defaultMethods, maxRequestBytes = defaultMaxRequestBytes } = fields;
  return {
    path: readPath(fields["path"], key, problems),
    methods: readMethods(methods, key, problems),
    kind: readKind(fields["kind"], key, problems),
    onAbandon: readOnAbandon(fields["onAbandon"], `${key}.onAbandon`, problems),
    target: readTarget(fields, key, secret, problems),
    maxRequestBytes: readNumber(maxRequestBytes, 0, `${key}.maxRequestBytes`, problems),
    settings: readSettings(fields["settings"], defaults, `${key}.settings`, problems),
  };
}

function readTarget(fields: Readonly<Record<string, unknown>>, key: string, secret: SecretOf, problems: string[]): RouteTarget {
  if (fields["upstream"] !== undefined) return readUpstreamTarget(fields, key, secret, problems);
  for (const name of ["resume", "upstreamHeaders"]) {
    if (fields[name] !== undefined) problems.push(`${key}.${name} goes only with upstream: leave it out`);
  }
  return readFunctionTarget(fields, key, problems);
}

function readFunctionTarget(fields: Readonly<Record<string, unknown>>, key: string, problems: string[]): FunctionTarget {
  const { functionUrl, qualifier = null, tenantId = null } = fields;
  if (functionUrl !== undefined) return readUrlTarget(fields, key, problems);
  return {
    name: readText(fields["function"], `${key}.function`, 'function = "my-function", or a functionUrl, or an upstream', problems),
    region: readText(fields["region"], `${key}.region`, 'region = "us-east-1"', problems),
    qualifier: qualifier === null ? null : readText(qualifier, `${key}.qualifier`, 'qualifier = "live"', problems),
    tenantId: tenantId === null ? null : readText(tenantId, `${key}.tenantId`, 'tenantId = "blue"', problems),
  };
}

function readUrlTarget(fields: Readonly<Record<string, unknown>>, key: string, problems: string[]): FunctionTarget {
  const functionUrl = readText(fields["functionUrl"], `${key}.functionUrl`, 'functionUrl = "https://<id>.lambda-url.us-east-1.on.aws/"', problems);
  if (functionUrl !== "" && !isHttpUrl(functionUrl)) {
    problems.push(`${key}.functionUrl is no http or https URL: write it like "https://<id>.lambda-url.us-east-1.on.aws/"`);
  }
  const others = {
    function: "keep the one by which it is to be invoked",
    qualifier: "use the URL of that alias",
    tenantId: "functions with tenant isolation have no URL, use function",
  };
  for (const [name, fix] of Object.entries(others)) {
    if (fields[name] !== undefined) problems.push(`${key}.${name} does not go with functionUrl: ${fix}`);
  }
  return { functionUrl, region: readText(fields["region"], `${key}.region`, 'region = "us-east-1"', problems) };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function readPath(value: unknown, key: string, problems: string[]): string {
  const path = readText(value, `${key}.path`, 'path = "/api/answer"', problems);
  if (path !== "" && !path.startsWith("/")) problems.push(`${key}.path must start with "/": it is "${path}"`);
  if (path.startsWith("/streams/") || path === "/*") problems.push(`${key}.path covers /streams/, which is the gateway's own: choose another`);
  return path;
}

function readMethods(value: unknown, key: string, problems: string[]): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const methods = list.filter((method) => typeof method === "string" && /^[A-Z]+$/.test(method)).map(String);
  if (methods.length === 0 || methods.length !== list.length) {
    problems.push(`${key}.methods is no list of methods: write it like methods = ["GET", "POST"]`);
  }
  return methods;
}

function readKind(value: unknown, key: string, problems: string[]): RouteKind {
  const kind = routeKinds.find((known) => known === (value ?? "response"));
  if (kind !== undefined) return kind;
  problems.push(`${key}.kind must be one of ${routeKinds.join(", ")}: it is ${JSON.stringify(value)}`);
  return "response";
}

function readOnAbandon(value: unknown, key: string, problems: string[]): OnAbandon {
  const table = asTable(value);
  if (value === undefined || value === null || value === "continue") return "continue";
  if (table !== null && Object.keys(table).join() === "cancelAfterMs") {
    return { cancelAfterMs: readNumber(table["cancelAfterMs"], leastGraceMs, `${key}.cancelAfterMs`, problems) };
  }
  problems.push(`${key} must be "continue" or { cancelAfterMs = 10000 }: it is ${JSON.stringify(value)}`);
  return "continue";
}

function readSettings(value: unknown, defaults: StreamSettings, key: string, problems: string[]): StreamSettings {
  if (value === undefined || value === null) return defaults;
  const fields = asTable(value);
  if (fields === null) {
    problems.push(`${key} is no table of settings`);
    return defaults;
  }
  const settings = { ...defaults };
  for (const [name, given] of Object.entries(fields)) {
    if (isSetting(name)) Object.assign(settings, { [name]: readNumber(given, leastSettings[name], `${key}.${name}`, problems) });
    else problems.push(`${key}.${name} is not known: the settings are ${Object.keys(defaultSettings).join(", ")}`);
  }
  return settings;
}

function isSetting(name: string): name is keyof StreamSettings {
  return Object.hasOwn(defaultSettings, name);
}

function readNumber(value: unknown, least: number, key: string, problems: string[]): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  problems.push(`${key} must be a whole number of at least ${least}: it is ${JSON.stringify(value)}`);
  return least;
}

function readText(value: unknown, key: string, example: string, problems: string[]): string {
  if (typeof value === "string" && value !== "") return value;
  problems.push(`${key} is missing: add ${example}`);
  return "";
}

function asTable(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
}
