/** Owns the event by which a function sees an HTTP request to its URL (payload format 2.0). */
import type { IncomingMessage } from "node:http";

export interface UrlRequest {
  readonly request: IncomingMessage;
  readonly body: Buffer;
  /** Path and query behind the URL's own. */
  readonly target: string;
  readonly urlId: string;
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly requestId: string;
  readonly nowMs: number;
}

export function toUrlEvent(call: UrlRequest): object {
  const { request, body } = call;
  const [rawPath = "/", ...query] = call.target.split("?");
  const rawQueryString = query.join("?");
  const { cookie, ...headers } = flatHeaders(request);
  const isBase64Encoded = body.length > 0 && !isText(headers["content-type"]);
  const domainName = `${call.urlId}.lambda-url.${call.region}.on.aws`;
  const sourceIp = request.socket.remoteAddress ?? "";
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; */) }),
    headers: { ...headers, "x-forwarded-for": sourceIp, "x-forwarded-proto": "http" },
    ...(rawQueryString === "" ? {} : { queryStringParameters: flatQuery(rawQueryString) }),
    requestContext: {
      accountId: call.accountId,
      apiId: call.urlId,
      authentication: null,
      authorizer: { iam: caller(call) },
      domainName,
      domainPrefix: call.urlId,
      http: { method: request.method, path: rawPath, protocol: `HTTP/${request.httpVersion}`, sourceIp, userAgent: headers["user-agent"] ?? "" },
      requestId: call.requestId,
      routeKey: "$default",
      stage: "$default",
      time: commonLogTime(new Date(call.nowMs)),
      timeEpoch: call.nowMs,
    },
    ...(body.length === 0 ? {} : { body: body.toString(isBase64Encoded ? "base64" : "utf8") }),
    isBase64Encoded,
  };
}

function caller({ accessKeyId, accountId }: UrlRequest): object {
  const userArn = `arn:aws:iam::${accountId}:user/local`;
  return { accessKey: accessKeyId, accountId, callerId: "AIDALOCAL", cognitoIdentity: null, principalOrgId: null, userArn, userId: "AIDALOCAL" };
}

/** A header that is repeated is one text with commas. */
function flatHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values = []]) => [name, values.join(name === "cookie" ? "; " : ",")]),
  );
}

function flatQuery(query: string): Readonly<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) all[name] = all[name] === undefined ? value : `${all[name]},${value}`;
  return all;
}

/** What is not known to be text comes in base64. */
function isText(contentType: string | undefined): boolean {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return /^text\/|^application\/(?:(?:.+\+)?(?:json|xml)|javascript|x-www-form-urlencoded)$/.test(type);
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** 12/Mar/2020:19:03:58 +0000 */
function commonLogTime(time: Date): string {
  const [date = "", clock = ""] = time.toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${months[Number(month) - 1]}/${year}:${clock} +0000`;
}
