/** Owns the event by which a function sees an HTTP request to its URL (payload format 2.0). */

/** As AWS documents it for Function URLs; a handler may change it. */
export interface FunctionUrlEvent {
  version: "2.0";
  routeKey: "$default";
  rawPath: string;
  rawQueryString: string;
  cookies?: string[];
  /** Names in lower case, repeated ones joined with commas, without `cookie`. */
  headers: Record<string, string>;
  queryStringParameters?: Record<string, string>;
  requestContext: FunctionUrlContext;
  /** Absent where there is none; in base64 where it is not known to be text. */
  body?: string;
  isBase64Encoded: boolean;
}

export interface FunctionUrlContext {
  accountId: string;
  apiId: string;
  authentication: null;
  /** Who signed the request; absent where nobody had to. */
  authorizer?: object;
  domainName: string;
  domainPrefix: string;
  http: { method: string; path: string; protocol: string; sourceIp: string; userAgent: string };
  requestId: string;
  routeKey: "$default";
  stage: "$default";
  time: string;
  timeEpoch: number;
}

export interface UrlRequest {
  readonly method: string;
  /** Path and query as they were asked for. */
  readonly target: string;
  /** Names in lower case; `cookie` among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly protocol: string;
  readonly sourceIp: string;
  readonly domainName: string;
  readonly accountId: string;
  readonly authorizer?: object;
  readonly requestId: string;
  readonly nowMs: number;
}

export function toUrlEvent(request: UrlRequest): FunctionUrlEvent {
  const [rawPath = "/", ...query] = request.target.split("?");
  const rawQueryString = query.join("?");
  const { cookie, ...headers } = request.headers;
  const body = Buffer.from(request.body);
  const isBase64Encoded = body.length > 0 && !isText(headers);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; */) }),
    headers,
    ...(rawQueryString === "" ? {} : { queryStringParameters: flatQuery(rawQueryString) }),
    requestContext: contextOf(request, rawPath),
    ...(body.length === 0 ? {} : { body: body.toString(isBase64Encoded ? "base64" : "utf8") }),
    isBase64Encoded,
  };
}

function contextOf({ method, headers, protocol, sourceIp, domainName, accountId, authorizer, requestId, nowMs }: UrlRequest, path: string): FunctionUrlContext {
  const prefix = domainName.split(".", 1)[0] ?? "";
  return {
    accountId,
    apiId: prefix,
    authentication: null,
    ...(authorizer === undefined ? {} : { authorizer }),
    domainName,
    domainPrefix: prefix,
    http: { method, path, protocol, sourceIp, userAgent: headers["user-agent"] ?? "" },
    requestId,
    routeKey: "$default",
    stage: "$default",
    time: commonLogTime(new Date(nowMs)),
    timeEpoch: nowMs,
  };
}

function flatQuery(query: string): Record<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) all.set(name, all.has(name) ? `${all.get(name)},${value}` : value);
  return Object.fromEntries(all);
}

/** What is not known to be text comes in base64. */
function isText(headers: Readonly<Record<string, string>>): boolean {
  if (headers["content-encoding"] !== undefined) return false;
  const type = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return /^text\/|^application\/(?:(?:.+\+)?(?:json|xml)|javascript|x-www-form-urlencoded)$/.test(type);
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 12/Mar/2020:19:03:58 +0000 */
function commonLogTime(time: Date): string {
  const [date = "", clock = ""] = time.toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${months[Number(month) - 1]}/${year}:${clock} +0000`;
}
