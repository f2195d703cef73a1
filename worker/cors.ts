/** Owns what pages of other origins may ask and see (CORS): the same on every answer, whoever made it. */

import { headerNames } from "../protocol/http.ts";

/** `any`: every origin. A list: these, as browsers write them; an empty one leaves all answers as they are. */
export type CorsOrigins = "any" | readonly string[];

/** What a page needs to resume, judge and cancel a stream. Browsers hide all but a few headers otherwise. */
const exposed = [headerNames.streamId, headerNames.streamUrl, headerNames.outcome, headerNames.status, "content-range", "accept-ranges", "etag", "location"];

/** A day. Browsers keep an answer for ten minutes or two hours at most. */
const maxAgeSeconds = 86_400;

/** A handler's own are taken out: two policies on one answer contradict each other, and two allowed origins are none. */
const policy = ["origin", "credentials", "methods", "headers"].map((name) => `access-control-allow-${name}`);

export async function withCors(request: Request, origins: CorsOrigins, answer: () => Promise<Response>): Promise<Response> {
  // An upgrade is no page's, and its answer is the object's, which nobody may change.
  if (origins.length === 0 || request.headers.has("upgrade")) return answer();
  // Marked in place: a copy would lose how its body is encoded.
  const response = preflight(request) ?? withoutPolicy(await answer());
  const { headers } = response;
  headers.append("access-control-expose-headers", exposed.join(", "));
  if (origins === "any") {
    headers.set("access-control-allow-origin", "*");
    return response;
  }
  headers.append("vary", "origin");
  const origin = request.headers.get("origin");
  if (origin !== null && origins.includes(origin)) headers.set("access-control-allow-origin", origin);
  return response;
}

/**
 * The answer to a browser that asks whether it may send a request; null for anything else. It may, whatever it is: what
 * a request must be is the route's business, and said in an answer that the page can read.
 */
function preflight({ method, headers }: Request): Response | null {
  const asked = headers.get("access-control-request-method");
  if (method !== "OPTIONS" || asked === null) return null;
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": asked,
      "access-control-allow-headers": headers.get("access-control-request-headers") ?? "",
      "access-control-max-age": String(maxAgeSeconds),
      vary: "access-control-request-method, access-control-request-headers",
    },
  });
}

function withoutPolicy(response: Response): Response {
  for (const name of policy) response.headers.delete(name);
  return response;
}
