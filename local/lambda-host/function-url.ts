/** Owns the HTTP border of Function URLs (AWS_IAM): a request to `/url/<function>[:<qualifier>]/path` becomes an invocation. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { refusals, sendError } from "./aws-error.ts";
import type { AwsError } from "./aws-error.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Faults } from "./faults.ts";
import { readBody } from "./http.ts";
import type { Invocation } from "./invocation.ts";
import { accountId } from "./invoke-api.ts";
import { limits } from "./limits.ts";
import { verifySignature } from "./sigv4.ts";
import type { Credentials } from "./sigv4.ts";
import { urlEventOf } from "./url-event.ts";
import { StreamedResponse, sendBuffered } from "./url-response.ts";

/** BUFFERED: the response is sent when it is complete. RESPONSE_STREAM: as the function produces it. */
export type InvokeMode = "BUFFERED" | "RESPONSE_STREAM";

export interface FunctionUrlOptions {
  /** By function; undefined for one that has no URL. */
  readonly urls: ReadonlyMap<string, InvokeMode | undefined>;
  readonly credentials: Credentials;
  readonly region: string;
  readonly dispatcher: Dispatcher;
  readonly faults: Faults;
}

interface Target {
  readonly functionName: string;
  readonly qualifier: string | undefined;
  readonly mode: InvokeMode;
  /** Path and query behind the URL's own. */
  readonly rest: string;
}

const urlPath = /^\/url\/([a-zA-Z0-9_-]{1,64})(?::([$\w-]{1,128}))?(?=[/?]|$)(.*)$/s;

/** In place of the host name that AWS gives each URL. */
export function isFunctionUrl(request: IncomingMessage): boolean {
  return request.url?.startsWith("/url/") === true;
}

export async function serveFunctionUrl(request: IncomingMessage, reply: ServerResponse, options: FunctionUrlOptions): Promise<void> {
  const requestId = randomUUID();
  reply.setHeader("x-amzn-RequestId", requestId);
  const target = parseTarget(request, options);
  const body = await readBody(request, limits.syncPayloadBytes);
  if (target === undefined) return sendError(reply, requestId, { type: "ResourceNotFoundException", message: "Not Found" });
  if (body.type === "too-large") return sendError(reply, requestId, { type: "RequestTooLargeException", message: "Request too large" });
  const invocation = toInvocation(request, body.bytes, target, requestId, options);
  const refusal = unauthorized(request, body.bytes, options) ?? injected(invocation, options);
  if (refusal !== undefined) return sendError(reply, requestId, refusal);
  const delayMs = options.faults.takeDelay(invocation);
  if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
  await invoke(invocation, target.mode, reply, options.dispatcher);
}

async function invoke(invocation: Invocation, mode: InvokeMode, reply: ServerResponse, dispatcher: Dispatcher): Promise<void> {
  const response = mode === "RESPONSE_STREAM" ? new StreamedResponse(reply) : undefined;
  const started = dispatcher.invoke(response === undefined ? invocation : { ...invocation, sink: response });
  if (started === "closed") return sendError(reply, invocation.requestId, refusals[503]);
  if (started === "throttled") return sendError(reply, invocation.requestId, refusals[429]);
  const result = await started;
  if (response === undefined) sendBuffered(reply, result);
  else response.end(result);
}

function parseTarget(request: IncomingMessage, { urls }: FunctionUrlOptions): Target | undefined {
  const [, functionName = "", qualifier, rest = ""] = urlPath.exec(request.url ?? "") ?? [];
  const mode = urls.get(functionName);
  return mode === undefined ? undefined : { functionName, qualifier, mode, rest: rest.startsWith("/") ? rest : `/${rest}` };
}

const forbidden =
  "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

function unauthorized(request: IncomingMessage, body: Buffer, { credentials, region }: FunctionUrlOptions): AwsError | undefined {
  const signed = { method: request.method ?? "", target: request.url ?? "", rawHeaders: request.rawHeaders, body };
  const verdict = verifySignature(signed, { credentials, region, service: "lambda", nowMs: Date.now() });
  if (verdict.type === "valid") return undefined;
  const unsigned = verdict.error.type === "MissingAuthenticationTokenException";
  return unsigned ? { type: "AccessDeniedException", message: forbidden } : verdict.error;
}

function injected(invocation: Invocation, { faults }: FunctionUrlOptions): AwsError | undefined {
  const status = faults.takeRefusal(invocation);
  if (status === undefined) return undefined;
  return status === 403 ? { type: "AccessDeniedException", message: forbidden } : refusals[status];
}

function toInvocation(
  request: IncomingMessage,
  body: Buffer,
  { functionName, qualifier, rest }: Target,
  requestId: string,
  { region, credentials: { accessKeyId } }: FunctionUrlOptions,
): Invocation {
  const call = { request, body, target: rest, urlId: functionName, region, accountId, accessKeyId, requestId, nowMs: Date.now() };
  const payload = urlEventOf(call);
  const invokedArn = `arn:aws:lambda:${region}:${accountId}:function:${functionName}${qualifier === undefined ? "" : `:${qualifier}`}`;
  return { requestId, functionName, invokedArn, type: "RequestResponse", body: Buffer.from(JSON.stringify(payload)), payload };
}
