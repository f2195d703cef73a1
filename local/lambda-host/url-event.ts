/** Owns what the event of a request to a function's URL says here: who called, and through which URL. */
import type { IncomingMessage } from "node:http";
import { toUrlEvent } from "../../lambda-runtime/url-event.ts";
import type { FunctionUrlEvent } from "../../lambda-runtime/url-event.ts";

export interface UrlCall {
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

export function urlEventOf(call: UrlCall): FunctionUrlEvent {
  const { request, body, target, accountId, requestId, nowMs } = call;
  const sourceIp = request.socket.remoteAddress ?? "";
  return toUrlEvent({
    method: request.method ?? "",
    target,
    headers: { ...flatHeaders(request), "x-forwarded-for": sourceIp, "x-forwarded-proto": "http" },
    body,
    protocol: `HTTP/${request.httpVersion}`,
    sourceIp,
    domainName: `${call.urlId}.lambda-url.${call.region}.on.aws`,
    accountId,
    authorizer: { iam: caller(call) },
    requestId,
    nowMs,
  });
}

function caller({ accessKeyId, accountId }: UrlCall): object {
  const userArn = `arn:aws:iam::${accountId}:user/local`;
  return { accessKey: accessKeyId, accountId, callerId: "AIDALOCAL", cognitoIdentity: null, principalOrgId: null, userArn, userId: "AIDALOCAL" };
}

/** A header that is repeated is one text with commas. */
function flatHeaders(request: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values = []]) => [name, values.join(name === "cookie" ? "; " : ",")]),
  );
}
