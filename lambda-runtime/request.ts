/** Owns the web `Request` a handler gets, built from the head and body the object stored. */

import type { RequestHead } from "../protocol/producer-messages.ts";

const bodiless = new Set(["GET", "HEAD"]);

export function toRequest(head: RequestHead, body: readonly Uint8Array[], signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of head.headers) headers.append(name, value);
  const init: RequestInit = { method: head.method, headers, signal };
  if (!bodiless.has(head.method)) init.body = Buffer.concat(body);
  return new Request(head.url, init);
}
