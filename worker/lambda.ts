/** Owns starting a function: one signed call, through the Invoke API or the function's URL, never retried here. */

import { AwsClient } from "aws4fetch";
import type { Invocation } from "../protocol/invocation.ts";
import { describe } from "../protocol/errors.ts";
import { apiCall } from "./invoke-api.ts";
import type { ApiTarget } from "./invoke-api.ts";
import { urlCall } from "./invoke-url.ts";
import type { UrlTarget } from "./invoke-url.ts";

/** The function that produces a stream, and with it the way it is invoked. */
export type FunctionTarget = ApiTarget | UrlTarget;

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

/** One way of invoking, made for one target. */
export interface Call {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The function, in a sentence. */
  readonly what: string;
  accepts(status: number): boolean;
  /** What an operator is to check when the call is answered with this status. */
  advice(status: number): string;
  /** The same when it is not answered. */
  readonly adviceOnSilence: string;
}

const maxDetailChars = 300;

/** A retry on top would make duplicate producers, so there is none: the stream's attempts are the retry. */
export async function invokeFunction(
  target: FunctionTarget,
  invocation: Invocation,
  access: LambdaAccess,
  timeoutMs: number,
): Promise<InvokeResult> {
  const call = "functionUrl" in target ? urlCall(target) : apiCall(target, access.endpoint);
  // Not AbortSignal.timeout(): its timer would run on and keep the object from hibernating.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    const response = await clientFor(target, access).fetch(call.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...call.headers },
      body: JSON.stringify(invocation),
      // A signature is good for one host, and not every host should see it.
      redirect: "manual",
      signal: abort.signal,
    });
    if (!call.accepts(response.status)) return refusal(call, response.status, await readDetail(response));
    // The head is the acknowledgement. An open connection would keep the object from hibernating.
    await response.body?.cancel().catch(() => undefined);
    return { accepted: true };
  } catch (error) {
    const reason = `Cannot invoke ${call.what}: it did not answer (${describe(error, maxDetailChars)}); ${call.adviceOnSilence}`;
    return { accepted: false, retry: true, reason };
  } finally {
    clearTimeout(timer);
  }
}

function clientFor({ region }: FunctionTarget, { accessKeyId, secretAccessKey, sessionToken }: LambdaAccess): AwsClient {
  return new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }), service: "lambda", region, retries: 0 });
}

/** The start of the body; reading it to its end also frees the connection. */
async function readDetail(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, maxDetailChars);
  const kind = response.headers.get("x-amzn-errortype");
  return kind === null ? text : `${kind}: ${text}`;
}

function refusal(call: Call, status: number, detail: string): InvokeResult {
  const reason = `Cannot invoke ${call.what}: Lambda answered ${status} (${detail}); ${call.advice(status)}`;
  return { accepted: false, retry: status === 429 || status >= 500, reason };
}
