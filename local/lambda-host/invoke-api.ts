/** Owns the HTTP border of the Invoke API: what a call must look like and how its outcome is told. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { refusals, sendError } from "./aws-error.ts";
import type { AwsError } from "./aws-error.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Faults } from "./faults.ts";
import { readBody } from "./http.ts";
import { parseJson } from "./invocation.ts";
import type { Invocation, Result } from "./invocation.ts";
import { limits } from "./limits.ts";
import { verifySignature } from "./sigv4.ts";
import type { Credentials } from "./sigv4.ts";

export interface InvokeApiOptions {
  readonly functionNames: ReadonlySet<string>;
  readonly credentials: Credentials;
  readonly region: string;
  readonly dispatcher: Dispatcher;
  readonly faults: Faults;
}

type CallType = "RequestResponse" | "Event" | "DryRun";

type Target =
  | { readonly type: "function"; readonly name: string; readonly arn: string }
  | { readonly type: "refused"; readonly error: AwsError };

type Call =
  | { readonly type: "dry-run" }
  | { readonly type: "invocation"; readonly invocation: Invocation }
  | { readonly type: "refused"; readonly error: AwsError };

const invokePath = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;
/** A name alone, or the end of an ARN; then perhaps a version or an alias. */
const functionReference = /^(?:(?:arn:aws:lambda:[a-z0-9-]+:)?\d{12}:function:)?([a-zA-Z0-9_-]{1,64})(?::([$\w-]{1,128}))?$/;
export const accountId = "000000000000";

export async function serveInvoke(request: IncomingMessage, reply: ServerResponse, options: InvokeApiOptions): Promise<void> {
  const requestId = randomUUID();
  const call = await readCall(request, requestId, options);
  switch (call.type) {
    case "refused":
      sendError(reply, requestId, call.error);
      return;
    case "dry-run":
      reply.writeHead(204, { "x-amzn-RequestId": requestId }).end();
      return;
    case "invocation":
      if (call.invocation.type === "Event") sendAccepted(reply, call.invocation, options);
      else await sendResult(reply, call.invocation, options.dispatcher);
  }
}

/** Checks in the order AWS does: size, signature, target, then the rest. */
async function readCall(request: IncomingMessage, requestId: string, options: InvokeApiOptions): Promise<Call> {
  const callType = parseCallType(request.headers["x-amz-invocation-type"]);
  const maxBytes = callType === "Event" ? limits.asyncPayloadBytes : limits.syncPayloadBytes;
  const body = await readBody(request, maxBytes);
  if (body.type === "too-large") return refuse(tooLarge(body.bytes, callType ?? "RequestResponse", maxBytes));
  const { credentials, region, faults } = options;
  const signed = { method: request.method ?? "", target: request.url ?? "", rawHeaders: request.rawHeaders, body: body.bytes };
  const verdict = verifySignature(signed, { credentials, region, service: "lambda", nowMs: Date.now() });
  if (verdict.type === "refused") return verdict;
  const target = parseTarget(request, options);
  if (target.type === "refused") return target;
  // As on AWS: no payload is an empty object.
  const bytes = body.bytes.length === 0 ? Buffer.from("{}") : body.bytes;
  const json = parseJson(bytes.toString());
  const refusal = faults.takeRefusal({ functionName: target.name, requestId, payload: json.type === "json" ? json.value : null });
  if (refusal !== undefined) return refuse(refusals[refusal]);
  const tenantId = request.headers["x-amz-tenant-id"];
  return toCall(callType, target, { requestId, ...(typeof tenantId === "string" ? { tenantId } : {}) }, { bytes, json });
}

function toCall(
  callType: CallType | undefined,
  target: Target & { type: "function" },
  call: Pick<Invocation, "requestId" | "tenantId">,
  { bytes: body, json }: { readonly bytes: Buffer; readonly json: ReturnType<typeof parseJson> },
): Call {
  if (callType === undefined) {
    return refuse({ type: "InvalidParameterValueException", message: "X-Amz-Invocation-Type is none of RequestResponse, Event, DryRun." });
  }
  if (json.type === "invalid") {
    const message = `Could not parse request body into json: ${json.reason}`;
    return refuse({ type: "InvalidRequestContentException", message });
  }
  if (callType === "DryRun") return { type: "dry-run" };
  const invocation = { ...call, functionName: target.name, invokedArn: target.arn, type: callType, body, payload: json.value };
  return { type: "invocation", invocation };
}

function parseTarget(request: IncomingMessage, { functionNames, region }: InvokeApiOptions): Target {
  const url = URL.parse(request.url ?? "", "http://localhost");
  const encoded = request.method === "POST" && url !== null ? invokePath.exec(url.pathname)?.[1] : undefined;
  if (url === null || encoded === undefined) {
    return refuse({ type: "UnknownOperationException", message: "There is no such operation." });
  }
  const reference = functionReference.exec(decode(encoded));
  const name = reference?.[1] ?? decode(encoded);
  // There is one version here, whatever it is called by.
  const qualifier = url.searchParams.get("Qualifier") ?? reference?.[2];
  const arn = `arn:aws:lambda:${region}:${accountId}:function:${name}${qualifier === undefined ? "" : `:${qualifier}`}`;
  if (reference !== null && functionNames.has(name)) return { type: "function", name, arn };
  return refuse({ type: "ResourceNotFoundException", message: `Function not found: ${arn}` });
}

function sendAccepted(reply: ServerResponse, invocation: Invocation, { dispatcher, faults }: InvokeApiOptions): void {
  const { copies, delayMs } = faults.takeDelivery(invocation);
  const answers = new Set(Array.from({ length: copies }, () => dispatcher.enqueue({ ...invocation }, delayMs)));
  if (answers.has("closed")) sendError(reply, invocation.requestId, refusals[503]);
  else if (answers.has("full")) sendError(reply, invocation.requestId, refusals[429]);
  else reply.writeHead(202, { "Content-Length": 0, "x-amzn-RequestId": invocation.requestId }).end();
}

async function sendResult(reply: ServerResponse, invocation: Invocation, dispatcher: Dispatcher): Promise<void> {
  const started = dispatcher.invoke(invocation);
  if (started === "closed") sendError(reply, invocation.requestId, refusals[503]);
  else if (started === "throttled") sendError(reply, invocation.requestId, refusals[429]);
  else sendOutcome(reply, invocation.requestId, await started);
}

function sendOutcome(reply: ServerResponse, requestId: string, result: Result): void {
  reply.writeHead(200, {
    "Content-Type": result.outcome === "success" ? result.contentType : "application/json",
    "Content-Length": result.body.length,
    "X-Amz-Executed-Version": "$LATEST",
    "x-amzn-RequestId": requestId,
    ...(result.outcome === "success" ? {} : { "X-Amz-Function-Error": "Unhandled" }),
  });
  reply.end(result.body);
}

function parseCallType(header: string | string[] | undefined): CallType | undefined {
  switch (header) {
    case undefined:
      return "RequestResponse";
    case "RequestResponse":
    case "Event":
    case "DryRun":
      return header;
    default:
      return undefined;
  }
}

function tooLarge(bytes: number, callType: CallType, maxBytes: number): AwsError {
  const message = `${bytes} byte payload is too large for the ${callType} invocation type (limit ${maxBytes} bytes)`;
  return { type: "RequestTooLargeException", message };
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function refuse(error: AwsError): { readonly type: "refused"; readonly error: AwsError } {
  return { type: "refused", error };
}
