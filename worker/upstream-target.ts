/** Owns what a route says of its upstream: read once, stored with each of its streams, and free of secrets. */

import type { HeaderPairs } from "../protocol/producer-messages.ts";
import type { FunctionTarget } from "./lambda.ts";

/** How an upstream goes on behind what it has sent; `none` for one that cannot. */
const resumeWays = ["none", "last-event-id", "starting-after", "range"] as const;
export type ResumeWay = (typeof resumeWays)[number];

export interface UpstreamTarget {
  /** Its URL; what the client's has behind the route's prefix is put behind it. */
  readonly upstream: string;
  /** Of a Function URL with AWS_IAM, whose requests are signed; null for any other upstream. */
  readonly region: string | null;
  readonly resume: ResumeWay;
  /** Set on each request; an empty value takes the client's own away. `${NAME}` is a secret, put in as the request is made. */
  readonly headers: HeaderPairs;
}

/** What produces the streams of a route. */
export type RouteTarget = FunctionTarget | UpstreamTarget;

export function sourceOf(target: RouteTarget): "function" | "upstream" {
  return "upstream" in target ? "upstream" : "function";
}

/** For reasons that readers are told: without the query, which may hold what is nobody's business. */
export function upstreamName({ upstream }: UpstreamTarget): string {
  const { origin, pathname } = new URL(upstream);
  return `the upstream ${origin}${pathname}`;
}

/** A secret of the Worker, or null where there is none of that name. */
export type SecretOf = (name: string) => string | null;

export function secretsOf(env: object): SecretOf {
  return (name) => {
    const value: unknown = Reflect.get(env, name);
    const text = typeof value === "string" ? value.trim() : "";
    return text === "" ? null : text;
  };
}

const placeholder = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Null when one of the secrets it names is not there. */
export function fillIn(template: string, secret: SecretOf): string | null {
  const missing = namesIn(template).some((name) => secret(name) === null);
  return missing ? null : template.replaceAll(placeholder, (_whole, name: string) => secret(name) ?? "");
}

function namesIn(template: string): readonly string[] {
  return [...template.matchAll(placeholder)].map(([, name]) => name ?? "");
}

type Fields = Readonly<Record<string, unknown>>;

const urlExample = 'write it like "https://api.example.com/v1"';
const others = ["function", "functionUrl", "qualifier", "tenantId"];
/** They open the gateway itself, or what it may do in AWS. */
const ownSecrets = new Set(["TICKET_SECRET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const ownHeaders = new Set(["host", "connection", "content-length", "transfer-encoding", "upgrade", "accept-encoding", "range", "if-range", "last-event-id"]);
const secretive = /auth|cookie|key|token|secret/i;

export function readUpstreamTarget(fields: Fields, key: string, secret: SecretOf, problems: string[]): UpstreamTarget {
  for (const name of others) {
    if (fields[name] !== undefined) problems.push(`${key}.${name} does not go with upstream: keep the one that is to answer`);
  }
  const region = readRegion(fields["region"], key, problems);
  return {
    upstream: readUrl(fields["upstream"], `${key}.upstream`, problems),
    region,
    resume: readResume(fields["resume"], `${key}.resume`, problems),
    headers: readHeaders(fields["upstreamHeaders"], `${key}.upstreamHeaders`, region, secret, problems),
  };
}

function readUrl(value: unknown, key: string, problems: string[]): string {
  const text = typeof value === "string" ? value : "";
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    problems.push(`${key} is no http or https URL: ${urlExample}`);
    return "https://invalid";
  }
  const { username, password, hash } = new URL(text);
  if (username !== "" || password !== "") problems.push(`${key} holds credentials: put them into a secret, and that into upstreamHeaders`);
  if (hash !== "") problems.push(`${key} has a fragment, which is never sent: leave it out`);
  return text;
}

function readRegion(value: unknown, key: string, problems: string[]): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value !== "") return value;
  problems.push(`${key}.region is no region: write it like region = "us-east-1", or leave it out where requests are not to be signed`);
  return null;
}

function readResume(value: unknown, key: string, problems: string[]): ResumeWay {
  const way = resumeWays.find((known) => known === (value ?? "none"));
  if (way !== undefined) return way;
  problems.push(`${key} must be one of ${resumeWays.join(", ")}: it is ${JSON.stringify(value)}`);
  return "none";
}

function readHeaders(value: unknown, key: string, region: string | null, secret: SecretOf, problems: string[]): HeaderPairs {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object" || Array.isArray(value)) {
    problems.push(`${key} is no table: write it like { authorization = "Bearer \${OPENAI_API_KEY}" }`);
    return [];
  }
  return Object.entries(value).map(([name, template]: [string, unknown]): readonly [string, string] => {
    const text = typeof template === "string" ? template : "";
    const fault = typeof template === "string" ? headerFault(name.toLowerCase(), text, region, secret) : "is no text";
    // Never the value: a secret that was written here by mistake would be shown to every client.
    if (fault !== null) problems.push(`${key}.${name} ${fault}`);
    return [name.toLowerCase(), text];
  });
}

function headerFault(name: string, template: string, region: string | null, secret: SecretOf): string | null {
  if (!headerName.test(name)) return "is no name of a header";
  if (ownHeaders.has(name)) return "is the gateway's to set: leave it out";
  if (region !== null && (name === "authorization" || name.startsWith("x-amz-"))) return "is part of the signature: leave it out, or the region";
  const names = namesIn(template);
  if (template !== "" && names.length === 0 && secretive.test(name)) {
    return `holds what looks like a secret: set it with "wrangler secret put NAME", and write \${NAME} here`;
  }
  const own = names.find((used) => ownSecrets.has(used));
  if (own !== undefined) return `names ${own}, which is the gateway's own: use a secret of the upstream's`;
  const missing = names.find((used) => secret(used) === null);
  return missing === undefined ? null : `names the secret ${missing}, which is missing: set it with "wrangler secret put ${missing}", locally in .dev.vars`;
}
