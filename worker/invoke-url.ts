/** Owns the call of a Function URL: the function itself acknowledges, ends its response and works on. */

import type { Call } from "./lambda.ts";

export interface UrlTarget {
  readonly functionUrl: string;
  readonly region: string;
}

export function urlCall({ functionUrl, region }: UrlTarget): Call {
  return {
    url: functionUrl,
    headers: {},
    what: `the Function URL ${functionUrl} in ${region}`,
    accepts: (status) => status >= 200 && status < 300,
    advice,
    adviceOnSilence: "check the route's functionUrl, and that its invoke mode is RESPONSE_STREAM",
  };
}

function advice(status: number): string {
  switch (status) {
    case 403:
      return "check the gateway's AWS keys, that they may call lambda:InvokeFunctionUrl and lambda:InvokeFunction on it, and the route's region";
    case 404:
      return "check the route's functionUrl";
    case 429:
      return "the function's concurrency is used up; raise its limit or reserve some for it";
    case 502:
      return "the function failed before it answered: look in its log";
    default:
      return status >= 500 ? "Lambda has trouble" : "check the route's functionUrl and the function behind it";
  }
}
