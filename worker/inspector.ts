/** Owns the stream inspector: who gets a page about a stream instead of its log. */

import { eventStreamType, headerNames } from "../protocol/http.ts";
import type { Answering } from "./consumer.ts";
import { inspectorPage, missingPage } from "./inspector-page.ts";
import { callAgain, stubOf } from "./object-call.ts";
import { readStream } from "./streams.ts";

/**
 * `GET /streams/{id}` where the inspector is on. The page carries nothing of the stream: it asks for what it shows, as any
 * client would.
 */
export async function inspectStream(answering: Answering, id: string): Promise<Response> {
  const { request, env } = answering;
  if (!wantsPage(request)) return varying(await readStream(answering, id));
  const status = await callAgain(async () => stubOf(env, id).status());
  return status === null ? pageResponse(404, missingPage) : pageResponse(200, inspectorPage);
}

/** A browser that navigates. A query or header that asks for a part of the log asks for the log. */
function wantsPage({ headers, url }: Request): boolean {
  const accept = headers.get("accept") ?? "";
  const { searchParams } = new URL(url);
  const asksForLog = searchParams.has("from") || searchParams.has("live") || headers.has("range") || headers.has(headerNames.lastEventId);
  return accept.includes("text/html") && !accept.includes(eventStreamType) && !asksForLog;
}

function pageResponse(status: number, page: (nonce: string) => string): Response {
  const nonce = crypto.randomUUID();
  return new Response(page(nonce), {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": [
        "default-src 'none'",
        `script-src 'nonce-${nonce}'`,
        `style-src 'nonce-${nonce}'`,
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join("; "),
      // The address holds the stream's id, which is the permission to read and to cancel it.
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      vary: "accept",
    },
  });
}

function varying(response: Response): Response {
  response.headers.append("vary", "accept");
  return response;
}
