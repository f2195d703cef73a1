/** Owns the check of an AWS Signature Version 4 in the Authorization header. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { AwsError } from "./aws-error.ts";
import { limits } from "./limits.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they were on the wire. */
  readonly target: string;
  /** Name, value, name, value, as node:http gives them: repeated headers are signed joined. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface Expected {
  readonly credentials: Credentials;
  readonly region: string;
  readonly service: string;
  readonly nowMs: number;
}

export type Verdict = { readonly type: "valid" } | { readonly type: "refused"; readonly error: AwsError };

type Headers = ReadonlyMap<string, string>;

interface Authorization {
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

interface Scope {
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

const algorithm = "AWS4-HMAC-SHA256";

export function verifySignature(request: SignedRequest, expected: Expected): Verdict {
  const headers = collectHeaders(request.rawHeaders);
  const header = headers.get("authorization");
  if (header === undefined) return refuse("MissingAuthenticationTokenException", "Missing Authentication Token");
  const authorization = parseAuthorization(header);
  if (typeof authorization === "string") return refuse("IncompleteSignatureException", authorization);
  const stamp = headers.get("x-amz-date");
  if (stamp === undefined) {
    return refuse("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  // The host's credentials are long-term ones: a session token belongs to others.
  if (authorization.accessKeyId !== expected.credentials.accessKeyId || headers.has("x-amz-security-token")) {
    return refuse("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  const problem =
    scopeProblem(authorization.scope, stamp, expected) ??
    dateProblem(stamp, expected.nowMs) ??
    headerProblem(authorization.signedHeaders, headers) ??
    payloadProblem(headers, request.body) ??
    signatureProblem(request, headers, stamp, authorization, expected.credentials.secretAccessKey);
  return problem === undefined ? { type: "valid" } : refuse("InvalidSignatureException", problem);
}

/** Answers what is wrong where the header is not a signature at all. */
function parseAuthorization(header: string): Authorization | string {
  if (!header.startsWith(`${algorithm} `)) return `Unsupported AWS 'algorithm': the header must begin with '${algorithm}'.`;
  const parts = new Map(
    header
      .slice(algorithm.length)
      .split(",")
      .map((part) => splitOnce(part.trim(), "=")),
  );
  const missing = ["Credential", "SignedHeaders", "Signature"].filter((name) => (parts.get(name) ?? "") === "");
  if (missing.length > 0) return missing.map((name) => `Authorization header requires '${name}' parameter.`).join(" ");
  const [accessKeyId, date, region, service, terminator, ...rest] = (parts.get("Credential") ?? "").split("/");
  if (accessKeyId === undefined || date === undefined || region === undefined || service === undefined) {
    return "Credential must have exactly 5 slash-delimited elements.";
  }
  if (terminator !== "aws4_request" || rest.length > 0) return "Credential must end in '/aws4_request'.";
  const signedHeaders = (parts.get("SignedHeaders") ?? "").split(";");
  return { accessKeyId, scope: { date, region, service }, signedHeaders, signature: parts.get("Signature") ?? "" };
}

function scopeProblem(scope: Scope, stamp: string, expected: Expected): string | undefined {
  if (scope.region !== expected.region) return "Credential should be scoped to a valid region.";
  if (scope.service !== expected.service) return `Credential should be scoped to correct service: '${expected.service}'.`;
  return scope.date === stamp.slice(0, 8) ? undefined : "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.";
}

function dateProblem(stamp: string, nowMs: number): string | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  const [year, month, day, hour, minute, second] = (match ?? []).slice(1).map(Number);
  if (year === undefined || month === undefined) return `Date must be in ISO-8601 'basic format'. Got '${stamp}'.`;
  const sentMs = Date.UTC(year, month - 1, day, hour, minute, second);
  if (sentMs < nowMs - limits.clockSkewMs) return `Signature expired: ${stamp} is now earlier than the oldest time allowed.`;
  return sentMs > nowMs + limits.clockSkewMs ? `Signature not yet current: ${stamp} is still later than the time allowed.` : undefined;
}

/** Host and every x-amz- header must be signed, or they could be changed on the way. */
function headerProblem(signedHeaders: readonly string[], headers: Headers): string | undefined {
  const signed = new Set(signedHeaders);
  const unsigned = [...headers.keys()].filter((name) => (name === "host" || name.startsWith("x-amz-")) && !signed.has(name));
  if (unsigned.length > 0) return `There were headers present in the request which were not signed: ${unsigned.join(", ")}`;
  const absent = signedHeaders.filter((name) => !headers.has(name));
  return absent.length > 0 ? `Signed headers are not in the request: ${absent.join(", ")}` : undefined;
}

function payloadProblem(headers: Headers, body: Buffer): string | undefined {
  const claimed = headers.get("x-amz-content-sha256");
  if (claimed === undefined || claimed === "UNSIGNED-PAYLOAD" || claimed === sha256(body)) return undefined;
  return "The value passed in x-amz-content-sha256 does not match the body.";
}

function signatureProblem(
  request: SignedRequest,
  headers: Headers,
  stamp: string,
  { scope, signedHeaders, signature }: Authorization,
  secretAccessKey: string,
): string | undefined {
  const canonical = canonicalRequest(request, headers, signedHeaders);
  const scopeText = `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = [algorithm, stamp, scopeText, sha256(canonical)].join("\n");
  const key = [scope.date, scope.region, scope.service, "aws4_request"].reduce<Buffer>(
    (parent, text) => hmac(parent, text),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  const calculated = Buffer.from(hmac(key, toSign).toString("hex"));
  const given = Buffer.from(signature);
  if (given.length === calculated.length && timingSafeEqual(given, calculated)) return undefined;
  return "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
}

function canonicalRequest(request: SignedRequest, headers: Headers, signedHeaders: readonly string[]): string {
  const [path, query] = splitOnce(request.target, "?");
  // Outside S3 the path is encoded once more, as it is on the wire already.
  const canonicalPath = path.replaceAll(/\/+/g, "/").split("/").map(encode).join("/");
  return [
    request.method,
    canonicalPath,
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${headers.get(name) ?? ""}`),
    "",
    signedHeaders.join(";"),
    headers.get("x-amz-content-sha256") ?? sha256(request.body),
  ].join("\n");
}

function canonicalQuery(query: string): string {
  return [...new URLSearchParams(query)]
    .map(([name, value]) => ({ name: encode(name), value: encode(value) }))
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.value, b.value))
    .map(({ name, value }) => `${name}=${value}`)
    .join("&");
}

function collectHeaders(rawHeaders: readonly string[]): Headers {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const value = (rawHeaders[index + 1] ?? "").trim().replaceAll(/\s+/g, " ");
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

/** RFC 3986: encodeURIComponent leaves five characters alone that AWS encodes. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index === -1 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

function sha256(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function refuse(type: AwsError["type"], message: string): Verdict {
  return { type: "refused", error: { type, message } };
}
