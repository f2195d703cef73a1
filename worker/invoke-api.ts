/** Owns the asynchronous Invoke of the Lambda API: the event is queued, and 202 says so. */

import type { Call } from "./lambda.ts";

export interface ApiTarget {
  readonly name: string;
  readonly region: string;
  readonly qualifier: string | null;
  /** Of a function with tenant isolation. Absent in descriptions that were stored before there was one. */
  readonly tenantId?: string | null;
}

export function apiCall(target: ApiTarget, endpoint: string | null): Call {
  const qualifier = target.qualifier === null ? "" : `:${target.qualifier}`;
  const tenantId = target.tenantId ?? null;
  return {
    url: invokeUrl(target, endpoint),
    headers: { "x-amz-invocation-type": "Event", ...(tenantId === null ? {} : { "x-amz-tenant-id": tenantId }) },
    what: `the function "${target.name}${qualifier}" in ${target.region}`,
    accepts: (status) => status === 202,
    advice,
    adviceOnSilence: "check LAMBDA_ENDPOINT and the region",
  };
}

function invokeUrl({ name, region, qualifier }: ApiTarget, endpoint: string | null): string {
  const base = endpoint ?? `https://lambda.${region}.amazonaws.com`;
  const url = new URL(`/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, base);
  if (qualifier !== null) url.searchParams.set("Qualifier", qualifier);
  return url.href;
}

function advice(status: number): string {
  switch (status) {
    case 400:
      return "check the function's configuration, and the route's tenantId where it has tenant isolation";
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
