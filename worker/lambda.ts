/** Owns starting a function: the asynchronous Invoke of AWS Lambda, signed, never retried here. */

import { AwsClient } from "aws4fetch";
import type { Invocation } from "../protocol/invocation.ts";
import { describe } from "../protocol/errors.ts";

/** The function that produces a stream. */
export interface FunctionTarget {
  readonly name: string;
  readonly region: string;
  readonly qualifier: string | null;
}

export interface LambdaAccess {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** Base URL of the Invoke API; null for AWS's own of the function's region. */
  readonly endpoint: string | null;
}

export type InvokeResult =
  | { readonly accepted: true }
  /** `retry` when the same call may succeed later without anybody changing anything. */
  | { readonly accepted: false; readonly retry: boolean; readonly reason: string };

const maxDetailChars = 300;

/**
 * Invokes with `X-Amz-Invocation-Type: Event`. A retry on top would make duplicate producers, so there is none:
 * the stream's attempts are the retry.
 */
export async function invokeFunction(
  target: FunctionTarget,
  invocation: Invocation,
  access: LambdaAccess,
  timeoutMs: number,
): Promise<InvokeResult> {
  const client = new AwsClient({
    accessKeyId: access.accessKeyId,
    secretAccessKey: access.secretAccessKey,
    ...(access.sessionToken === null ? {} : { sessionToken: access.sessionToken }),
    service: "lambda",
    region: target.region,
    retries: 0,
  });
  // Not AbortSignal.timeout(): its timer would run on and keep the object from hibernating.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const response = await client.fetch(invokeUrl(target, access), {
      method: "POST",
      headers: { "content-type": "application/json", "x-amz-invocation-type": "Event" },
      body: JSON.stringify(invocation),
      signal: abort.signal,
    });
    const detail = await readDetail(response);
    return response.status === 202 ? { accepted: true } : refusal(target, response.status, detail);
  } catch (error) {
    const reason = `Cannot invoke ${nameOf(target)}: the Invoke API did not answer (${describe(error, maxDetailChars)}); check LAMBDA_ENDPOINT and the region`;
    return { accepted: false, retry: true, reason };
  } finally {
    clearTimeout(timer);
  }
}

function invokeUrl(target: FunctionTarget, access: LambdaAccess): string {
  const base = access.endpoint ?? `https://lambda.${target.region}.amazonaws.com`;
  const url = new URL(`/2015-03-31/functions/${encodeURIComponent(target.name)}/invocations`, base);
  if (target.qualifier !== null) url.searchParams.set("Qualifier", target.qualifier);
  return url.href;
}

/** The start of the body; reading it to its end also frees the connection. */
async function readDetail(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, maxDetailChars);
  const kind = response.headers.get("x-amzn-errortype");
  return kind === null ? text : `${kind}: ${text}`;
}

function refusal(target: FunctionTarget, status: number, detail: string): InvokeResult {
  const reason = `Cannot invoke ${nameOf(target)}: Lambda answered ${status} (${detail}); ${advice(status)}`;
  return { accepted: false, retry: status === 429 || status >= 500, reason };
}

function advice(status: number): string {
  switch (status) {
    case 403:
      return "check the gateway's AWS keys, that they may call lambda:InvokeFunction on it, and the route's region";
    case 404:
      return "check the route's function name, region and qualifier";
    case 413:
      return "the invocation payload is over Lambda's limit for asynchronous events";
    case 429:
      return "the function's concurrency is used up; raise its limit or reserve some for it";
    default:
      return status >= 500 ? "Lambda has trouble" : "check the function's configuration";
  }
}

function nameOf(target: FunctionTarget): string {
  const qualifier = target.qualifier === null ? "" : `:${target.qualifier}`;
  return `the function "${target.name}${qualifier}" in ${target.region}`;
}
